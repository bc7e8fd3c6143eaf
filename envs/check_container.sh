#!/bin/sh
# Try the container's recipe where no registry is reached: its %post in a bare Debian with apt's Python, then a
# head through the workflow without a network. Root; mmdebstrap; 8 GB in a new folder; a quarter of an hour.
#   envs/check_container.sh ROOT      (SHOWN="/opt/wheels ...": folders that pip's settings name)
set -eu
root=$1
cd "$(dirname "$0")/.."

if [ -z "${CONTAINER_MOUNTS:-}" ]; then # all that is mounted goes with this process
    test ! -e "$root" || { echo "$root is there already" >&2; exit 1; }
    packages=python3-venv,python-is-python3,ca-certificates
    mmdebstrap --quiet --variant=minbase --include=$packages bookworm "$root"
    mkdir -p "$root/opt/medscience"
    git archive HEAD | tar -x -C "$root/opt/medscience"
    CONTAINER_MOUNTS=own exec unshare --mount "$0" "$(realpath "$root")"
fi

mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
for folder in ${SHOWN:-}; do
    mkdir -p "$root$folder"
    mount --bind "$folder" "$root$folder"
done
sed -n '/^%post/,/^%environment/{/^%/d;p;}' envs/medscience.def > "$root/post.sh"
chroot "$root" sh -eu /post.sh
for folder in ${SHOWN:-}; do
    umount "$root$folder"
done

cat > "$root/offline.sh" <<'END'
cd /opt/medscience
medscience doctor
medscience simulate head results/demo --seed 1 --count 1
printf '%s\n' 'samples: results/demo/samples.tsv' 'models: {brain_mri: [demo-head]}' 'memory: 4G' > offline.yaml
snakemake --cores 2 --quiet all --config settings=offline.yaml
test -s results/report/cohort.html
echo "The recipe holds, without a network too."
END
unshare --net chroot "$root" env -i HOME=/root PATH=/opt/venv/bin:/usr/bin:/bin sh -eu /offline.sh
