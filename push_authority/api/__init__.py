"""The HTTP faces of the authority: LoginTC and native calls, devices, pages."""
