//! A copy of this machine's root directory in which packages can be installed for real.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::skipped::skip;

/// An overlay over `/` in a mount namespace of its own. What commands in it write is lost with it;
/// the machine itself stays as it is. Neither `/run` nor services of the machine are visible.
#[derive(Debug)]
pub struct Machine {
    holder: Child,
    root: TempDir,
}

impl Machine {
    /// A machine with the folder `packages` at `/packages`. Without root, or where the kernel refuses
    /// an overlay, it records the test as skipped and returns `None`.
    ///
    /// # Panics
    /// If temporary files or processes cannot be made.
    #[must_use]
    pub fn open(packages: &Path) -> Option<Self> {
        if !nix::unistd::Uid::effective().is_root() {
            skip("needs root: packages have files of several users");
            return None;
        }
        let root = tempfile::tempdir().expect("a temporary folder");
        let mut holder = Command::new("unshare")
            .args(["-m", "sh", "-ec", MOUNTS, "sh"])
            .args([root.path(), packages])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unshare");
        let mut line = String::new();
        let stdout = holder.stdout.take().expect("stdio is piped");
        let _ = BufReader::new(stdout).read_line(&mut line);
        if line == "up\n" {
            return Some(Self { holder, root });
        }
        let _ = holder.kill();
        let output = holder.wait_with_output().expect("the output of unshare");
        skip(&format!("no overlay: {}", String::from_utf8_lossy(&output.stderr).trim()));
        None
    }

    /// Runs a script of the shell as root in this machine.
    ///
    /// # Panics
    /// If nsenter does not start.
    #[must_use]
    pub fn try_run(&self, script: &str) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["-m", "-t", &self.holder.id().to_string(), "chroot"]);
        command.arg(self.root.path().join("root")).args(["/bin/sh", "-c", script]);
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).output().expect("nsenter")
    }

    /// As [`Self::try_run`]; returns standard output.
    ///
    /// # Panics
    /// If the script fails.
    pub fn run(&self, script: &str) -> String {
        let output = self.try_run(script);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{text}{errors}");
        text
    }

    /// Lets the scripts of packages see a running systemd. What they request of it is in
    /// [`Self::requests`]; only links are made.
    pub fn pretend_systemd(&self) {
        self.run(PRETEND);
    }

    /// What has been requested of systemd since the last call, one request a line.
    #[must_use]
    pub fn requests(&self) -> String {
        self.run("cat /requests 2>/dev/null; rm -f /requests")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// The upper layer is in memory: a folder of the machine cannot be below and above itself.
const MOUNTS: &str = r#"
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
mkdir -p root/packages
mount --bind "$2" root/packages
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount -t tmpfs tmpfs root/run
echo up
exec cat
"#;
const PRETEND: &str = r#"
mkdir -p /run/systemd/system
rm -f /usr/sbin/policy-rc.d
[ ! -e /usr/bin/systemctl ] || mv /usr/bin/systemctl /usr/bin/systemctl.real
cat >/usr/bin/systemctl <<'END'
#!/bin/sh
echo "$*" >>/requests
case "$*" in *preset* | *disable*) [ ! -e /usr/bin/systemctl.real ] || systemctl.real "$@" ;; esac
END
chmod 755 /usr/bin/systemctl
"#;
