#!/bin/sh
# Builds the image by buildah, of Debian's packages and npm's: no registry of images is asked, and no daemon is needed.
#   sh image.sh [name]
# WASM_SANDBOX is a tarball of the package, where it is not to come from npm. STORAGE is buildah's storage driver.
set -eu
cd "$(dirname "$0")"
name=${1:-localhost/wasm-sandbox-microservice}
base=localhost/debian-node
suite=trixie # the first whose nodejs is version 20
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

for tool in buildah apt-get dpkg-deb npm; do
  command -v "$tool" > /dev/null || { echo "skipped: $tool is not installed" >&2; exit 0; }
done
buildah() { command buildah --storage-driver "${STORAGE:-vfs}" "$@"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# All that nodejs needs, as apt-get finds it for a machine where nothing is installed, unpacked: neither a shell nor apt is in it.
apt=$work/apt root=$work/root
mkdir -p "$apt/etc/apt/preferences.d" "$apt/etc/apt/apt.conf.d" "$apt/var/lib/dpkg" "$root"
mkdir -p "$apt/var/lib/apt/lists/partial" "$apt/var/cache/apt/archives/partial"
: > "$apt/var/lib/dpkg/status"
echo "deb [signed-by=$keyring] http://deb.debian.org/debian $suite main" > "$apt/etc/apt/sources.list"
get() {
  apt-get -qq -o Dir="$apt" -o Dir::State::status="$apt/var/lib/dpkg/status" -o APT::Sandbox::User=root \
    -o APT::Install-Recommends=false "$@"
}
get update
get install --download-only --yes nodejs > /dev/null
# What Debian links before all else: /lib is /usr/lib, and so on.
for folder in bin lib lib64 sbin; do
  mkdir -p "$root/usr/$folder"
  ln -s "usr/$folder" "$root/$folder"
done
for package in "$apt"/var/cache/apt/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink --no-same-owner
done
rm -rf "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"

container=$(buildah from scratch)
buildah copy --quiet "$container" "$root" / > /dev/null
buildah commit --quiet --rm "$container" "$base" > /dev/null

# The Dockerfile's first stage needs npm, and takes place here. Its packages are JavaScript, the same everywhere.
mkdir -p "$work/packages/app"
cp package.json "$work/packages/app"
(cd "$work/packages/app" && npm install --omit=dev --omit=peer --no-audit --no-fund --loglevel=error ${WASM_SANDBOX:+"$WASM_SANDBOX"})
buildah build --quiet --pull-never --isolation chroot --build-arg PACKAGES="$base" --build-arg BASE="$base" \
  --build-context packages="$work/packages" --target service --tag "$name" . > /dev/null
echo "built $name"
