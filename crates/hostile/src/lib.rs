//! Everything that reads bytes of outsiders, each parser behind one function that takes any bytes and panics only where a promise is
//! broken. The fuzzer in `fuzz/` calls them with what it makes up, and the tests beside them with everything it ever kept.

mod export;
mod gateway;
mod platforms;
mod policy;

/// A parser by its name, which is also the folder of its inputs below `fuzz/corpus`.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Its name.
    pub name: &'static str,
    /// Reads any bytes.
    pub read: fn(&[u8]),
}

/// Every parser.
pub const PROBES: &[Probe] = &[
    Probe {
        name: "checkpoint",
        read: export::checkpoint,
    },
    Probe {
        name: "vkey",
        read: export::vkey,
    },
    Probe {
        name: "proof_file",
        read: export::proof_file,
    },
    Probe {
        name: "tile",
        read: export::tile,
    },
    Probe {
        name: "leaf",
        read: export::leaf,
    },
    Probe {
        name: "body_file",
        read: export::body_file,
    },
    Probe {
        name: "packed_bundle",
        read: policy::packed_bundle,
    },
    Probe {
        name: "catalog",
        read: policy::catalog,
    },
    Probe {
        name: "policies",
        read: policy::policies,
    },
    Probe {
        name: "request_path",
        read: gateway::request_path,
    },
    Probe {
        name: "bearer_token",
        read: gateway::bearer_token,
    },
    Probe {
        name: "cookies",
        read: gateway::cookies,
    },
    Probe {
        name: "node_red_document",
        read: gateway::node_red_document,
    },
    Probe {
        name: "log_line",
        read: platforms::log_line,
    },
];

/// The parser called `name`.
pub fn probe(name: &str) -> Option<Probe> {
    PROBES.iter().copied().find(|probe| probe.name == name)
}

/// Text, where the parser takes nothing else: what isn't UTF-8 never reaches it.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
