"""The self-hosted authority: people, devices and signed decisions. It knows nothing of the front ends."""
