"""Which file system holds a path, by the kernel's table."""

import pytest

from medscience.machine.mounts import file_system, is_network

TABLE = r"""
22 28 0:21 / /proc rw,nosuid - proc proc rw
28 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw
90 28 0:44 / /lab rw,relatime shared:9 - nfs4 server:/lab rw,vers=4.2
91 90 8:1 /sub /lab/local\040disk rw - xfs /dev/sdb1 rw
92 28 0:50 / /home/ada/remote rw,nosuid master:3 - fuse.sshfs host: rw
93 28 0:51 / /home/ada/remote rw - tmpfs tmpfs rw
""".strip()


@pytest.mark.parametrize(
    "path, kind",
    [
        ("/home/ada/project", "ext4"),
        ("/lab/project/corrections", "nfs4"),
        ("/laboratory", "ext4"),
        ("/lab/local disk/x", "xfs"),
        ("/home/ada/remote/x", "tmpfs"),  # mounted over what was there
    ],
)
def test_the_innermost_and_last_mount_counts(tmp_path, path, kind):
    table = tmp_path / "mountinfo"
    table.write_text(TABLE + "\n")
    assert file_system(type(tmp_path)(path), table) == kind


def test_where_nobody_says_there_is_nothing_to_say(tmp_path):
    assert file_system(tmp_path, tmp_path / "none") == ""
    assert not is_network("")


def test_a_new_folder_lies_where_its_parents_do(tmp_path):
    assert file_system(tmp_path / "a/b/c") == file_system(tmp_path) != ""


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "ceph", "9p", "fuse.sshfs"]
)
def test_file_systems_of_several_machines_are_known(kind):
    assert is_network(kind)


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "fuse.fuse-overlayfs"]
)
def test_and_those_of_one(kind):
    assert not is_network(kind)
