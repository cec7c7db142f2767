#!/bin/sh
# Runs as the first process of namespaces of its own (mounts, processes, cgroups): mounts what a system needs and
# becomes its init. Whatever is mounted here goes with the last process.
#
#   boot.sh FOLDER LOWER KEEP PROGRAM...   FOLDER gets the changes (upper) and the system's root; LOWER: see overlayfs;
#                                          KEEP: "keep" if the changes are to be there afterwards
set -eu

folder=$1 lower=$2 keep=$3
shift 3
root=$folder/root
mkdir -p "$folder"
[ "$keep" = keep ] || mount -t tmpfs tmpfs "$folder"
mkdir -p "$folder/upper" "$folder/work" "$root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
# Not chroot(8): the kernel makes no user namespaces in there, and units ask for some.
cd "$root"
pivot_root . mnt
umount --lazy /mnt
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"
