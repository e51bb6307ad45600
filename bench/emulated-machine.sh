#!/usr/bin/env bash
# Runs a command, with this repository as its directory, in an emulated machine with this one's files,
# read-only but for an empty /tmp: where more descriptors may be open than here. Several times slower,
# so that it shows that something holds, never how long it takes.
#
#   bench/emulated-machine.sh 'npm run bench -- connections --connections 50000 --think 20 --busy'
#
# As root on Debian (amd64), with qemu-system-x86, busybox-static and cpio. Its kernel is Debian's, from
# apt, and is not installed.
set -euo pipefail

fail() {
  echo "emulated-machine.sh: $1" >&2
  exit 1
}

command=${1:-}
repository=$(cd "$(dirname "$0")/.." && pwd)
[ -n "$command" ] || fail 'cannot run nothing: say which command, as one argument'
[ "$(id -u)" = 0 ] || fail "cannot read every file of this machine: run it as root"
case $repository/ in /tmp/*) fail "cannot run in $repository: the emulated machine has a /tmp of its own" ;; esac
for tool in apt-get dpkg qemu-system-x86_64 busybox cpio; do
  command -v "$tool" >/dev/null || fail "cannot find $tool: install qemu-system-x86, busybox-static and cpio (Debian)"
done
memory=${MEMORY_MIB:-8192}
descriptors=${DESCRIPTORS:-400000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch_kernel() {
  local package
  package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  (cd "$work" && apt-get download -q "$package" >&2 && dpkg -x ./linux-image-*.deb kernel)
}

# What mounts the files of this machine, and what that needs, in the order of its loading.
modules=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci netfs fscache 9pnet 9pnet_virtio 9p)

make_initrd() {
  local root=$work/root module
  mkdir -p "$root"/{bin,modules,proc,sys,dev,host}
  cp "$(command -v busybox)" "$root/bin/"
  for module in "${modules[@]}"; do
    find "$work/kernel/lib/modules" -name "$module.ko" -exec cp {} "$root/modules/" \;
  done
  printf '%s\n' "$command" >"$root/command"
  cat >"$root/init" <<INIT
#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t devtmpfs none /dev
for module in ${modules[*]}; do
  [ ! -f /modules/\$module.ko ] || insmod /modules/\$module.ko || poweroff -f
done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro files /host || poweroff -f
for where in tmp run; do mount -t tmpfs none /host/\$where; done
mount -t proc none /host/proc
mount -t sysfs none /host/sys
mount -t devtmpfs none /host/dev
ip link set lo up
echo $descriptors > /proc/sys/fs/nr_open
echo $((4 * descriptors)) > /proc/sys/fs/file-max
ulimit -n $descriptors
export HOME=/tmp PATH=$PATH
cp /command /host/tmp/command
chroot /host /bin/bash -c 'cd "$repository" && . /tmp/command'
echo "exit code \$?"
/bin/busybox poweroff -f
INIT
  chmod +x "$root/init"
  (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd"
}

fetch_kernel
make_initrd
qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m "$memory" -nographic -no-reboot \
  -kernel "$work"/kernel/boot/vmlinuz-* -initrd "$work/initrd" \
  -virtfs local,path=/,mount_tag=files,security_model=none,readonly=on,multidevs=remap \
  -append 'console=ttyS0 quiet panic=-1' </dev/null | tee "$work/console"
grep -q '^exit code 0' "$work/console"
