//! The last identity on disk, for a start at which the metadata service does not respond.
//!
//! It counts until the next boot only: an instance that was stopped may start with another type, and a
//! copy of its disk is another instance.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use super::identity::{Identity, Interface, Values, mac, mac_text};

/// A file that one boot of one machine wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cache {
    pub(super) directory: PathBuf,
    /// Of the running boot. Empty: nothing is kept.
    pub(super) boot_id: String,
}

impl Cache {
    /// The state directory of the unit, else `/var/lib/flowmote`.
    pub(super) fn directory() -> PathBuf {
        let given = std::env::var_os("STATE_DIRECTORY");
        // systemd lists several separated by colons.
        let first = given.as_deref().and_then(|list| list.to_str()?.split(':').next());
        PathBuf::from(first.filter(|path| !path.is_empty()).unwrap_or("/var/lib/flowmote"))
    }

    /// The identity of this boot, if there is one.
    pub(super) fn load(&self) -> Option<Identity> {
        let mut text = String::new();
        let file = File::open(self.directory.join(FILE)).ok()?;
        file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        let rest = text.strip_prefix(&self.head())?;
        (!self.boot_id.is_empty()).then(|| parse(rest))
    }

    /// Replaces the file as a whole.
    ///
    /// # Errors
    /// Those of a directory that is absent, full or not writable. The file of before stays.
    pub(super) fn store(&self, identity: &Identity) -> io::Result<()> {
        let (path, new) = (self.directory.join(FILE), self.directory.join(NEW));
        let written =
            fs::write(&new, self.head() + &text(identity)).and_then(|()| fs::rename(&new, path));
        if written.is_err() {
            let _ = fs::remove_file(new);
        }
        written
    }

    /// The place in words, for `flowmote check`.
    pub(super) fn in_words(&self) -> String {
        let directory = self.directory.display();
        match fs::read_dir(&self.directory) {
            Ok(_) => format!("kept in {directory}"),
            Err(error) => format!("not kept for a restart: {directory}: {error}"),
        }
    }

    fn head(&self) -> String {
        format!("{FORMAT}\nboot {}\n", self.boot_id)
    }
}

fn text(identity: &Identity) -> String {
    let mut text = String::new();
    let mut add = |values: &Values| {
        for (name, value) in values.iter() {
            text.extend([name, " ", value, "\n"]);
        }
    };
    add(&identity.values);
    for interface in &identity.interfaces {
        let mut values = Values::default();
        values.set(INTERFACE, &mac_text(interface.mac));
        add(&values);
        add(&interface.values);
    }
    text
}

fn parse(text: &str) -> Identity {
    let mut identity = Identity::default();
    let mut interface: Option<Interface> = None;
    for (name, value) in text.lines().filter_map(|line| line.split_once(' ')) {
        if name == INTERFACE {
            interface.take().into_iter().for_each(|before| identity.add(before));
            interface = mac(value).map(|mac| Interface { mac, values: Values::default() });
        } else {
            let values = interface.as_mut().map_or(&mut identity.values, |it| &mut it.values);
            values.set(name, value);
        }
    }
    interface.into_iter().for_each(|last| identity.add(last));
    identity
}

/// Not a name of a metric, all of which begin with `cloud_`.
const INTERFACE: &str = "interface";
const FORMAT: &str = "flowmote cloud 1";
const FILE: &str = "cloud";
const NEW: &str = "cloud.new";
const MAX_BYTES: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_read_back_until_the_next_boot() {
        let directory = std::env::temp_dir().join(format!("flowmote-cache-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let cache = Cache { directory: directory.clone(), boot_id: "b1".to_owned() };
        assert_eq!(cache.load(), None);
        let mut identity = Identity::default();
        identity.values.set("cloud_instance_id", "i-1");
        identity.values.set("cloud_tag_Name", "two words");
        for number in 0..2 {
            let mut values = Values::default();
            values.set("cloud_interface_id", &format!("eni-{number}"));
            identity.add(Interface { mac: [2, 0, 0, 0, 0, number], values });
        }
        cache.store(&identity).unwrap();
        assert_eq!(cache.load(), Some(identity));
        let later = Cache { boot_id: "b2".to_owned(), ..cache.clone() };
        assert_eq!(later.load(), None);
        fs::write(directory.join(FILE), [0xff; 10]).unwrap();
        assert_eq!(cache.load(), None);
        assert_eq!(cache.in_words(), format!("kept in {}", directory.display()));
        // What is in the way stands for a file system that is full.
        fs::remove_file(directory.join(FILE)).unwrap();
        fs::create_dir(directory.join(FILE)).unwrap();
        assert!(cache.store(&Identity::default()).is_err());
        assert!(!directory.join(NEW).exists(), "a part of a file stays");
        fs::remove_dir_all(&directory).unwrap();
        assert!(cache.store(&Identity::default()).is_err());
        let words = format!("not kept for a restart: {}: No such file", directory.display());
        assert!(cache.in_words().starts_with(&words), "{}", cache.in_words());
        let unknown = Cache { boot_id: String::new(), ..cache };
        assert_eq!(unknown.load(), None);
    }
}
