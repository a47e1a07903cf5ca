//! The scripts that dpkg and rpm run, put together from the parts in `scripts/`.

use crate::package::Package;

const USER: &str = include_str!("../scripts/user.sh");
const PUBLISHED: &str = include_str!("../scripts/published.sh");

/// Joins the parts of a script and puts in the names of the package. The first line of `parts` that
/// is for the user of a package is left out where it has none.
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
    let has_user = package.user.is_some();
    let parts: [(&str, &[&str]); 3] = [
        (
            "postinst",
            &[
                include_str!("../scripts/deb/postinst"),
                only_if(has_user, USER),
                only_if(has_user, PUBLISHED),
                only_if(package.is_enabled, include_str!("../scripts/deb/enable")),
                include_str!("../scripts/deb/restart"),
            ],
        ),
        (
            "postrm",
            &[
                include_str!("../scripts/deb/postrm"),
                only_if(has_user, include_str!("../scripts/deb/postrm-user")),
                only_if(has_user, include_str!("../scripts/deb/postrm-published")),
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
    let has_user = package.user.is_some();
    let post = [
        only_if(has_user, USER),
        only_if(has_user, PUBLISHED),
        only_if(package.is_enabled, include_str!("../scripts/rpm/post")),
        include_str!("../scripts/rpm/reload"),
    ];
    let postun = [
        include_str!("../scripts/rpm/postun"),
        only_if(has_user, include_str!("../scripts/rpm/postun-user")),
        only_if(has_user, include_str!("../scripts/rpm/postun-published")),
    ];
    OfRpm {
        post: join(package, &post),
        preun: join(package, &[include_str!("../scripts/rpm/preun")]),
        postun: join(package, &postun),
    }
}
