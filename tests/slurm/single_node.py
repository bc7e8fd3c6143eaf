"""A real Slurm of one node on this machine, with a key and a folder of its own; needs root, not systemd."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

CONF = Path("/etc/slurm/slurm.conf")
"""Where programs within a job look: Snakemake's executor takes SLURM_CONF out of their environment."""
GRES = CONF.with_name("gres.conf")
GPUS = 2
"""Devices that stand for GPUs: Slurm hands them out, and nothing can be computed on them."""
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "srun")

TEXT = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=1
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MinJobAge=3600
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=ALL MaxTime=INFINITE State=UP
"""


def why_not():
    """Return why there can be none here; empty if there can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if absent:
        return f"no {', '.join(absent)} here: apt install slurm-wlm munge"
    if os.geteuid() != 0:
        return "a Slurm of one's own needs root"
    if os.path.lexists(CONF) and not CONF.is_symlink():
        return f"{CONF} is someone else's"
    if os.path.lexists(GRES) and not GRES.is_symlink():
        return f"{GRES} is someone else's"
    return ""


class SingleNode:
    """The daemons, and what is asked of them."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.host = socket.gethostname().split(".")[0]
        for name in ("state", "spool", "munge"):
            (self.folder / name).mkdir(mode=0o700)
        (self.folder / "munge/key").write_bytes(os.urandom(128))
        (self.folder / "munge/key").chmod(0o400)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
        ports = {"controller": _port(), "node": _port()}
        sizes = {"cores": os.cpu_count(), "memory": memory * 9 // 10, "gpus": GPUS}
        (self.folder / "slurm.conf").write_text(
            TEXT.format(host=self.host, folder=self.folder, **ports, **sizes)
        )
        CONF.parent.mkdir(exist_ok=True)
        gpus = [self.folder / f"gpu{number}" for number in range(GPUS)]
        for gpu in gpus:
            os.mknod(gpu, stat.S_IFCHR | 0o600, os.makedev(1, 3))  # as /dev/null: only devices are handed out
        (self.folder / "gres.conf").write_text("".join(f"Name=gpu File={gpu}\n" for gpu in gpus))
        for file in (CONF, GRES):
            file.unlink(missing_ok=True)
            file.symlink_to(self.folder / file.name)

    def __enter__(self):
        munge = [f"--{name}-file={self.folder}/munge/{name}" for name in ("key", "log", "pid", "seed")]
        socket_file = f"--socket={self.folder}/munge.socket"
        subprocess.run(["/usr/sbin/munged", "--force", socket_file, *munge], check=True, capture_output=True)
        self.start_controller()
        subprocess.run(["/usr/sbin/slurmd"], check=True)
        self.wait(lambda: "idle" in self.say("sinfo", "-h", "-o", "%T"))
        return self

    def __exit__(self, *_):
        self.say("scancel", "--full", "--state=RUNNING", "--signal=KILL")
        self.wait(lambda: not self.jobs("COMPLETING"))  # KillWait, after which slurmd kills what hangs
        for name in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            _end(self.folder / name)
        CONF.unlink()
        GRES.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_controller(self):
        subprocess.run(["/usr/sbin/slurmctld"], check=True)

    def kill_controller(self):
        _end(self.folder / "slurmctld.pid", signal.SIGKILL)

    def say(self, *command):
        """Return what a program of Slurm says."""
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def jobs(self, state):
        """Return the numbers of jobs in a state."""
        return self.say("squeue", "--noheader", f"--states={state}", "--format=%i").split()

    def wait(self, until, seconds=120):
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not (found := until()):
            if time.monotonic() > end:
                raise TimeoutError(self.say("squeue", "--states=all"))
            time.sleep(0.2)
        return found


def _port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _end(pid_file, number=signal.SIGTERM):
    """End a daemon and wait until it is gone."""
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, number)
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            time.sleep(0.05)
    except (OSError, ValueError):
        pass
