#!/bin/sh
# Install the Debian packages that the system tests drive: real daemons, clients and a browser.
# Needs root. No service is started while installing, and packages that are there are left alone.
set -eu

packages="
  charon-systemd
  chromium
  clang
  debian-archive-keyring
  debootstrap
  eapoltest
  fonts-dejavu-core
  freeradius
  freeradius-python3
  freeradius-rest
  freeradius-utils
  gcc
  git
  groff-base
  hostapd
  iproute2
  iputils-ping
  ldap-utils
  libcharon-extauth-plugins
  libcharon-extra-plugins
  libclang-rt-14-dev
  libnss-wrapper
  libpam-duo
  libpam-google-authenticator
  libpam-modules
  libpam-python
  libpam-radius-auth
  libpam-wrapper
  libpam0g-dev
  libstrongswan-extra-plugins
  libstrongswan-standard-plugins
  make
  man-db
  netbase
  ocserv
  openconnect
  openssh-client
  openssh-server
  openvpn
  openvpn-auth-radius
  pamtester
  procps
  python3-venv
  radsecproxy
  slapd
  strongswan-swanctl
  sudo
  systemd
  wpasupplicant
"

missing=""
for package in $packages; do
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "not root, so these Debian packages are not installed:$missing" >&2
  exit 0
fi

# policy-rc.d is asked by invoke-rc.d before each service action; 101 means "forbidden by policy".
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 0755 "$policy"
fi

echo "installing Debian packages for the system tests:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install --yes --no-install-recommends -qq $missing >/dev/null
