//! The scripts that dpkg and rpm run, put together from the parts in `scripts/`.

use crate::package::Package;

/// Only the agent has a user, and publishes its settings.
const AGENT: &str = concat!(include_str!("../scripts/user.sh"), include_str!("../scripts/link.sh"));
const PUBLISHED: &str = include_str!("../scripts/published.sh");

/// Joins the parts of a script and puts in the names of the package.
fn join(package: &Package, parts: &[&str]) -> String {
    let text = parts.concat();
    text.replace("@UNIT@", &package.unit()).replace("@PACKAGE@", package.name)
}

/// `part`, if the package has it.
fn only_if(has: bool, part: &'static str) -> &'static str {
    if has { part } else { "" }
}

/// The scripts of dpkg, by the name of their file.
pub(crate) fn of_debian(package: &Package) -> [(&'static str, String); 3] {
    const HEAD: &str = "#!/bin/sh\nset -e\n";
    let is_agent = package.is_agent;
    let parts: [(&str, &[&str]); 3] = [
        (
            "postinst",
            &[
                include_str!("../scripts/deb/postinst"),
                only_if(is_agent, AGENT),
                only_if(is_agent, PUBLISHED),
                only_if(is_agent, include_str!("../scripts/deb/enable")),
                include_str!("../scripts/deb/restart"),
            ],
        ),
        (
            "postrm",
            &[
                include_str!("../scripts/deb/postrm"),
                only_if(is_agent, include_str!("../scripts/deb/postrm-agent")),
                only_if(is_agent, include_str!("../scripts/deb/postrm-published")),
            ],
        ),
        ("prerm", &[include_str!("../scripts/deb/prerm")]),
    ];
    parts.map(|(name, parts)| (name, format!("{HEAD}{}", join(package, parts))))
}

/// The scripts of rpm.
pub(crate) struct OfRpm {
    pub(crate) post: String,
    pub(crate) preun: String,
    pub(crate) postun: String,
}

pub(crate) fn of_rpm(package: &Package) -> OfRpm {
    let is_agent = package.is_agent;
    let post = [
        only_if(is_agent, AGENT),
        only_if(is_agent, PUBLISHED),
        only_if(is_agent, include_str!("../scripts/rpm/post")),
        include_str!("../scripts/rpm/reload"),
    ];
    let postun = [
        include_str!("../scripts/rpm/postun"),
        only_if(is_agent, include_str!("../scripts/rpm/postun-agent")),
        only_if(is_agent, include_str!("../scripts/rpm/postun-published")),
    ];
    OfRpm {
        post: join(package, &post),
        preun: join(package, &[include_str!("../scripts/rpm/preun")]),
        postun: join(package, &postun),
    }
}
