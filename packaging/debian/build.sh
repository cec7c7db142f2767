#!/bin/sh
# Build dist/pushgate_VERSION_ARCHITECTURE.deb for Debian 12. `make deb` calls it; no root is needed.
#
#   PIP          the pip that fills the package's own Python environment
#   DEB_VERSION  another version than the one that pyproject.toml and the last commit give
#   DEB_FOLDER   another folder than dist/
#
# The same commit gives the same bytes: every date in the package is SOURCE_DATE_EPOCH, the last commit's by default.
set -eu
umask 022
export LC_ALL=C

source=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
here=$source/packaging/debian
work=$source/build/deb
root=$work/root
home=/usr/lib/pushgate
python=/usr/bin/python3
series=3.11
packages=$root$home/lib/python$series/site-packages

fail() {
  printf 'make deb: error: %s\nmake deb: hint: %s\n' "$1" "$2" >&2
  exit 1
}

git_here() {
  git -c safe.directory="$source" -C "$source" "$@"
}

check_tools() {
  for tool in dpkg-deb gcc strip objdump git gzip; do
    command -v "$tool" >/dev/null || fail "$tool is missing" "apt install dpkg gcc git libpam0g-dev make python3-venv"
  done
  [ -e /usr/include/security/pam_modules.h ] || fail "PAM's headers are missing" "apt install libpam0g-dev"
  [ -x "$python" ] && [ "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "$series" ] ||
    fail "$python is not Python $series" "build the package on Debian 12"
}

# A tag makes a release; what stands between two of them sorts before the release that it leads to.
find_version() {
  released=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/pyproject.toml")
  if git_here describe --exact-match --match "v$released" HEAD >/dev/null 2>&1; then
    echo "$released-1"
  else
    echo "$released~git$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y%m%d.%H%M%S)-1"
  fi
}

# What pip would leave: a bin/ full of tools that name the folder of the build, itself, and what only builds wheels.
make_environment() {
  mkdir -p "$root$home/bin" "$packages" "$work/wheel"
  ln -s "$python" "$root$home/bin/python3"
  printf 'home = %s\ninclude-system-site-packages = false\nversion = %s\n' "${python%/*}" "$series" \
    > "$root$home/pyvenv.cfg"
  within="$root$home/bin/python3"
  install_packages --require-hashes --requirement "$source/requirements/run.txt"
  (cd "$source" && "${PIP%/*}/python" -c \
    'import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])' "$work/wheel" >/dev/null)
  install_packages --no-deps --no-index "$work"/wheel/pushgate-*.whl
  "$within" -I -B "$here/libraries.py" unneeded > "$work/unneeded"
  "$PIP" --quiet --python "$within" uninstall --yes --requirement "$work/unneeded"
  "$PIP" --quiet --python "$within" check || fail "a library is missing in the package" "see requirements/run.txt"
  find "$root$home/bin" -mindepth 1 ! -name python3 -delete
  rm -rf "$root$home/share"
  sed "s|@HOME@|$home|" "$here/pushgate.in" > "$root$home/bin/pushgate"
  chmod 0755 "$root$home/bin/pushgate"
}

install_packages() {
  "$PIP" --quiet --disable-pip-version-check --python "$within" install --no-compile --no-warn-script-location "$@"
}

# Libraries' own tests, headers, type stubs and leftovers at the top; pip's list of what it installed holds no longer.
slim_environment() {
  find "$packages" -mindepth 1 -maxdepth 1 -type d \( -name docs -o -name example -o -name tests \) -exec rm -r {} +
  find "$packages" -mindepth 2 -type d -name tests -prune -exec rm -r {} +
  find "$packages" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.px[di]' -o -name '*.[ch]' \) -delete
  # What the IEEE has given out to whom: 8 MB that only tell makers of network cards.
  rm -f "$packages"/netaddr/eui/*.txt
  find "$packages" -path '*.dist-info/*' \( -name RECORD -o -name REQUESTED -o -name direct_url.json \) -delete
  find "$packages" -name '*.so' -exec strip --strip-unneeded {} +
}

# The installed paths stand in the bytecode. It is taken without a look at the source's date, which the package
# manager may set as it likes; source and bytecode change together.
compile_environment() {
  "$within" -I -m compileall -q -f -j 1 --invalidation-mode unchecked-hash -s "$root" -p / "$packages"
}

# Outside of the source tree, without debugging information: nothing in it tells where it was built.
build_module() {
  cp -R "$source/pam_module" "$work/pam_module"
  make --silent -C "$work/pam_module" clean
  MAKEFLAGS='' make --silent -C "$work/pam_module" CFLAGS=-O2 build/pam_pushgate.so
  install -m 0644 "$work/pam_module/build/pam_pushgate.so" "$root$home/pam_pushgate.so"
  strip --strip-unneeded "$root$home/pam_pushgate.so"
}

install_files() {
  install -d "$root/usr/bin" "$root/var/lib/pushgate"
  install -d -m 0750 "$root/etc/pushgate" "$root/var/log/pushgate"
  ln -s "../lib/pushgate/bin/pushgate" "$root/usr/bin/pushgate"
  install -m 0600 "$source/config/pushgate.yaml" "$root/etc/pushgate/pushgate.yaml"
  install -D -m 0644 -t "$root/lib/systemd/system" "$source"/packaging/systemd/*
  # The one unit that is on: it does nothing but undo a trial that a restart has cut off (pushgate pam try).
  install -d "$root/lib/systemd/system/multi-user.target.wants"
  ln -s ../pushgate-pam-trial.service "$root/lib/systemd/system/multi-user.target.wants/"
  # For sshd alone, under pam_python.
  [ ! -e "$source/pam_module/hook.py" ] || install -m 0644 "$source/pam_module/hook.py" "$root$home/hook.py"
  for stack in "$source"/config/pam.d/*; do
    [ ! -e "$stack" ] || install -D -m 0644 -t "$root/usr/share/pushgate/pam.d" "$stack"
  done
  for page in "$source"/packaging/man/*.[1-8]; do
    [ -e "$page" ] || continue
    section=$root/usr/share/man/man${page##*.}
    install -D -m 0644 -t "$section" "$page"
    gzip -9n "$section/${page##*/}"
  done
}

install_documents() {
  documents=$root/usr/share/doc/pushgate
  install -D -m 0644 -t "$documents" "$source/README.md"
  install -D -m 0644 -t "$documents/docs" "$source"/docs/*.md
  install -D -m 0644 -t "$documents/docs/providers" "$source"/docs/providers/*.md
  install -D -m 0644 -t "$documents/config/nas" "$source"/config/nas/*.md
  install -D -m 0644 -t "$root/usr/share/lintian/overrides" "$here/lintian-overrides"
  mv "$root/usr/share/lintian/overrides/lintian-overrides" "$root/usr/share/lintian/overrides/pushgate"
  gzip -9n < "$source/CHANGELOG.md" > "$documents/changelog.gz"
  {
    printf 'pushgate (%s) unstable; urgency=medium\n\n' "$version"
    printf '  * Built from the source tree; changelog.gz says what has changed.\n\n'
    printf ' -- %s  %s\n' "$maintainer" "$(date --utc --date="@$SOURCE_DATE_EPOCH" -R)"
  } | gzip -9n > "$documents/changelog.Debian.gz"
  { cat "$here/copyright" && "$within" -I -B "$here/libraries.py" copyright; } > "$documents/copyright"
}

# Which packages the compiled parts need. A library that is not named here stops the build.
find_libraries() {
  find "$root$home" -name '*.so' -exec objdump -p {} + | sed -n 's/^ *NEEDED *//p' | sort -u > "$work/needed"
  libc=$(find "$root$home" -name '*.so' -exec objdump -T {} + | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
  while read -r library; do
    case $library in
      libc.so.*|libm.so.*|libdl.so.*|librt.so.*|libpthread.so.*|ld-linux-*) echo "libc6 (>= ${libc#GLIBC_})" ;;
      libpam.so.0) echo "libpam0g" ;;
      libgcc_s.so.1) echo "libgcc-s1" ;;
      libstdc++.so.6) echo "libstdc++6" ;;
      *) fail "a compiled part needs $library" "name its package in find_libraries, in $0" ;;
    esac
  done < "$work/needed" | sort -u | paste -s -d , | sed 's/,/, /g'
}

write_control() {
  install -d "$root/DEBIAN"
  libraries=$(find_libraries) || exit 1
  # Policy 5.6.20: in KiB, what is rounded up of each file.
  size=$(du --apparent-size -sk --exclude DEBIAN "$root" | cut -f 1)
  sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$architecture|" -e "s|@MAINTAINER@|$maintainer|" \
    -e "s|@LIBRARIES@|$libraries|" -e "s|@SIZE@|$size|" "$here/control.in" > "$root/DEBIAN/control"
  echo /etc/pushgate/pushgate.yaml > "$root/DEBIAN/conffiles"
  install -m 0755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN"
  (cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) \
    > "$root/DEBIAN/md5sums"
}

check_tools
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git_here log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
version=${DEB_VERSION:-$(find_version)}
architecture=$(dpkg --print-architecture)
maintainer="${DEBFULLNAME:-pushgate} <${DEBEMAIL:-pushgate@localhost}>"
folder=${DEB_FOLDER:-$source/dist}
result=$folder/pushgate_${version}_$architecture.deb
PIP=${PIP:-$source/.venv/bin/pip}

rm -rf "$work"
make_environment
slim_environment
compile_environment
build_module
install_files
install_documents
write_control
ln -sfn ../../../bin/python3 "$root$home/bin/python3"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$folder"
dpkg-deb --root-owner-group --build "$root" "$result.new" >/dev/null
mv "$result.new" "$result"
rm -rf "$work"
echo "$result"
