//! Some words belong to one room only, and some to none.
use super::Tree;

/// Words that may appear in the code of these rooms only.
const OWNED: &[(&str, &[&str])] = &[
    ("rusqlite::", &["store"]),
    ("tokio_postgres::", &["store", "connectors"]),
    ("cedar_policy::", &["policy"]),
    ("askama::", &["web"]),
];

/// Unfinished marks. Written in two parts, or this file would find itself.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
];

/// Parts of host names from which packages come: the clients know them, the repository has no business to.
const HOSTS: &[&str] = &[
    concat!("regis", "try"),
    concat!("py", "pi"),
    concat!("crates", ".i"),
    concat!("deb", ".de"),
];

/// Folders of the machine on which somebody once worked; they exist nowhere else.
const MACHINE_FOLDERS: &[&str] = &[concat!("/wo", "rk/"), concat!("/fa", "rm/")];
const MACHINE_LIBRARY: &str = concat!(".lib", "rary");

/// Words that are where they shouldn't be.
pub(super) fn findings(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in &tree.files {
        if path.starts_with("crates/web/assets/") || path == "Cargo.lock" {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for why in faults(path, line) {
                found.push(format!("{path}:{}: {why}", number.saturating_add(1)));
            }
        }
    }
    found
}

fn faults(path: &str, line: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some((room, _)) = path
        .strip_prefix("crates/")
        .and_then(|rest| rest.split_once("/src/"))
    {
        let strangers = OWNED
            .iter()
            .filter(|(word, rooms)| line.contains(word) && !rooms.contains(&room));
        for (word, rooms) in strangers {
            faults.push(format!("`{word}` belongs to {}", rooms.join(" and ")));
        }
    }
    for mark in UNFINISHED.iter().filter(|mark| line.contains(**mark)) {
        faults.push(format!("`{mark}`: finish it, or write what is true now"));
    }
    if names_a_machine_folder(line) || line.contains(MACHINE_LIBRARY) {
        faults.push("names a folder of one machine".to_owned());
    }
    if names_a_package_host(line) {
        faults.push("names a host that packages come from".to_owned());
    }
    faults
}

fn names_a_machine_folder(line: &str) -> bool {
    MACHINE_FOLDERS.iter().any(|folder| {
        line.match_indices(folder).any(|(at, _)| {
            let before = line.get(..at).and_then(|text| text.chars().next_back());
            !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        })
    })
}

fn names_a_package_host(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let host: String = rest
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '.')
            .collect();
        HOSTS.iter().any(|word| host.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, line: &str, expected: &[&str]) {
        assert_eq!(faults(path, line), expected);
    }

    #[test]
    fn sql_outside_the_store_is_found() {
        check(
            "crates/web/src/lib.rs",
            "use rusqlite::Connection;",
            &["`rusqlite::` belongs to store"],
        );
        check("crates/store/src/lib.rs", "use rusqlite::Connection;", &[]);
    }

    #[test]
    fn unfinished_work_is_found() {
        check(
            "README.md",
            concat!("TO", "DO: say more"),
            &[concat!("`TO", "DO`: finish it, or write what is true now")],
        );
    }

    #[test]
    fn a_folder_of_one_machine_is_found() {
        let found = &["names a folder of one machine"];
        check("README.md", concat!("cd /wo", "rk/main"), found);
        check("README.md", concat!("see .lib", "rary/env"), found);
        check("README.md", concat!("cd target/wo", "rk/main"), &[]);
    }

    #[test]
    fn a_package_host_is_found() {
        check(
            "package-lock.json",
            concat!("\"https://regis", "try.example/x.tgz\""),
            &["names a host that packages come from"],
        );
        check("README.md", "https://www.apache.org/licenses/", &[]);
    }
}
