#!/usr/bin/env bash
# Neovim 0.12 out of Debian's testing suite: unpacked beside the libraries it wants, so that nothing is installed and the
# system's own packages stay as they are. Prints where the editor is. What was unpacked once is used again.
#
# usage: LACUNA_EDITORS_CACHE=FOLDER get-neovim.sh      (needs apt, dpkg and patchelf)
# Ends with 69 when the suite cannot be reached.
set -euo pipefail
home=${LACUNA_EDITORS_CACHE:?a folder to keep the editor in}/neovim
editor=$home/usr/bin/nvim
if [ -x "$editor" ]; then
    echo "$editor"
    exit
fi

unreachable() {
    echo "Neovim 0.12 cannot be had: $1" >&2
    exit 69
}
for tool in apt-get dpkg-deb patchelf; do
    command -v "$tool" >/dev/null || unreachable "there is no $tool here."
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,archives/partial,packages,root}
sources=/etc/apt/sources.list.d/debian.sources
[ -r "$sources" ] || unreachable "$sources, which says where Debian's packages are, does not exist."
sed '/^$/,$d; s/^Suites:.*/Suites: testing/' "$sources" >"$work/testing.sources"

# An apt of its own: other sources, other lists, and no package counts as installed.
apt() {
    apt-get -qq -o Dir::Etc::SourceList="$work/testing.sources" -o Dir::Etc::SourceParts=- \
        -o Dir::State::Lists="$work/lists" -o Dir::State::Status=/dev/null -o Dir::Cache::Archives="$work/archives" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root "$@"
}
apt -o Acquire::Retries=2 update 2>"$work/errors" || unreachable "$(tail -1 "$work/errors")"
mapfile -t packages < <(apt --simulate --no-install-recommends install neovim | awk '$1 == "Inst" { print $2 }')
[ "${#packages[@]}" -gt 0 ] || unreachable "the testing suite has no package for it."
(cd "$work/packages" && apt download "${packages[@]}") || unreachable "a package could not be downloaded."
for package in "$work"/packages/*.deb; do
    dpkg-deb --extract "$package" "$work/root"
done

# Its own loader and libraries: those of the system may be older.
libraries=usr/lib/$(uname -m)-linux-gnu
loader=$(cd "$work/root" && echo "$libraries"/ld-linux*.so.*)
patchelf --set-interpreter "$home/$loader" --force-rpath --set-rpath "$home/$libraries" "$work/root/usr/bin/nvim"
mkdir -p "$(dirname "$home")"
rm -rf "$home"
mv "$work/root" "$home"
"$editor" --version >/dev/null || unreachable "it does not run on this system."
echo "$editor"
