//! The cloud that the firmware of the machine names, and what it contains about the instance.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::identity::Identity;
use crate::config::CloudProvider;

/// Texts of the firmware (DMI), which every user can read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) provider: Option<CloudProvider>,
    product: String,
    board_asset: String,
    /// Different after each boot.
    pub(super) boot_id: String,
}

impl Machine {
    /// Reads below `root`, `/` but in tests.
    pub(super) fn read(root: &Path) -> Self {
        let dmi = |name: &str| text(&root.join("sys/class/dmi/id").join(name));
        let (vendor, product) = (dmi("sys_vendor"), dmi("product_name"));
        let provider = match () {
            // Nitro, and Xen instances of older types.
            () if vendor == "Amazon EC2" || dmi("bios_version").contains("amazon") => {
                Some(CloudProvider::Ec2)
            }
            () if product == "Google Compute Engine" => Some(CloudProvider::Gcp),
            () if dmi("chassis_asset_tag") == AZURE => Some(CloudProvider::Azure),
            () => None,
        };
        let boot_id = text(&root.join("proc/sys/kernel/random/boot_id"));
        Self { provider, product, board_asset: dmi("board_asset_tag"), boot_id }
    }

    /// What is known without the metadata service: on Nitro, id and type of the instance.
    pub(super) fn identity(&self) -> Identity {
        let mut identity = Identity::default();
        if self.provider == Some(CloudProvider::Ec2) && self.board_asset.starts_with("i-") {
            identity.values.set("cloud_provider", CloudProvider::Ec2.name());
            identity.values.set("cloud_instance_id", &self.board_asset);
            identity.values.set("cloud_instance_type", &self.product);
        }
        identity
    }
}

/// The first line of a file; empty if it cannot be read.
fn text(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(256).read_to_string(&mut text));
    if read.is_ok() { text.trim().to_owned() } else { String::new() }
}

/// The chassis of all machines of Azure.
const AZURE: &str = "7783-7084-3265-9085-8269-3286-77";

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn machine(dmi: &[(&str, &str)]) -> Machine {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Tests run at the same time.
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(format!("flowmote-dmi-{process}-{count}"));
        let directory = root.join("sys/class/dmi/id");
        std::fs::create_dir_all(&directory).unwrap();
        for (name, text) in dmi {
            std::fs::write(directory.join(name), format!("{text}\n")).unwrap();
        }
        let machine = Machine::read(&root);
        std::fs::remove_dir_all(&root).unwrap();
        machine
    }

    #[test]
    fn provider_is_named_by_the_firmware() {
        use CloudProvider::*;
        for (dmi, provider) in [
            (&[("sys_vendor", "Amazon EC2")][..], Some(Ec2)),
            (&[("sys_vendor", "Xen"), ("bios_version", "4.11.amazon")], Some(Ec2)),
            (&[("sys_vendor", "Google"), ("product_name", "Google Compute Engine")], Some(Gcp)),
            (&[("sys_vendor", "Microsoft Corporation"), ("chassis_asset_tag", AZURE)], Some(Azure)),
            (&[("sys_vendor", "Microsoft Corporation"), ("product_name", "Virtual Machine")], None),
            (&[("sys_vendor", "QEMU")], None),
            (&[], None),
        ] {
            assert_eq!(machine(dmi).provider, provider, "{dmi:?}");
        }
    }

    #[test]
    fn nitro_names_id_and_type() {
        let dmi = [
            ("sys_vendor", "Amazon EC2"),
            ("product_name", "m5.large"),
            ("board_asset_tag", "i-0123456789abcdef0"),
        ];
        let identity = machine(&dmi).identity();
        let values: Vec<_> = identity.values.iter().collect();
        assert_eq!(
            values,
            [
                ("cloud_provider", "ec2"),
                ("cloud_instance_id", "i-0123456789abcdef0"),
                ("cloud_instance_type", "m5.large"),
            ]
        );
        let xen = [("sys_vendor", "Xen"), ("bios_version", "4.11.amazon")];
        assert_eq!(machine(&xen).identity(), Identity::default());
    }
}
