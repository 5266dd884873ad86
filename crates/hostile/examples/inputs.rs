//! Writes the first input of each parser, made by our own code, below `fuzz/corpus`: `cargo run -p hostile --example inputs`.
#![expect(
    clippy::unwrap_used,
    reason = "run by hand by whoever changes a format"
)]
use ledger::{
    body::{PersonKey, seal},
    checkpoint::Signer,
    cosignature::Cosigner,
    digest::Digest,
    export::BodyFile,
    leaf::{LEAF_VERSION, Leaf},
    proof_file::ProofFile,
    tile::entries_bundle,
    tree::{Tree, prove_inclusion},
};
use policy::bundle::{BundleFiles, pack};
use serde_json::json;
use std::{fs, path::PathBuf};

fn put(probe: &str, name: &str, bytes: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(probe);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

fn main() {
    export();
    bundle();
    put("request_path", "plain", b"/flow/f1?rev=3");
    put("request_path", "encoded", b"/caf%C3%A9/a%20b/");
    put("request_path", "climbing", b"/a/%2e%2e/b%2Fc/..;/d");
    put("bearer_token", "unsigned", b"eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL3JlbWl0LmV4YW1wbGUiLCJhdWQiOiJub2RlcmVkIiwic3ViIjoiYWRhIiwiZXhwIjo5OTk5OTk5OTk5fQ.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    put("bearer_token", "keys", br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"EC","crv":"P-256","kid":"k2","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#);
    put(
        "cookies",
        "several",
        b"a=1; __Host-remit-nodered=abc; b=\"2; 3\"; remit=x",
    );
    put("node_red_document", "first", br#"[{"id":"f1","type":"tab","label":"Invoices"},{"id":"n1","type":"function","z":"f1","wires":[["n2"]]}]"#);
    put("node_red_document", "second", br#"{"flows":[{"id":"f1","type":"tab"},{"id":"c1","type":"mqtt-broker","credentials":{"user":"x"}}],"rev":"ab12"}"#);
    put("log_line", "pgaudit", br#"{"timestamp":"2026-11-02 10:00:00.123 UTC","user":"remit_g1","error_severity":"LOG","message":"AUDIT: SESSION,1,1,READ,SELECT,TABLE,finance.invoices,\"select \"\"a\"\", b\nfrom finance.invoices\",<none>"}"#);
    put("log_line", "refused", br#"{"timestamp":"2026-11-02 10:00:00 UTC","user":"remit_g1","error_severity":"ERROR","message":"permission denied for table payments","statement":"delete from payments"}"#);
    put("log_line", "node-red", br#"{"timestamp":1761300000000,"event":"flows.set","path":"/flows","user":{"username":"ada"}}"#);
}

fn export() {
    let signer = Signer::from_seed("example.com/remit".parse().unwrap(), &[1; 32]);
    let mut tree = Tree::new();
    let mut stored: Vec<Digest> = Vec::new();
    for entry in ["a", "b", "c"] {
        stored.extend(tree.append(entry.as_bytes()).iter().map(|node| node.hash));
    }
    let checkpoint = signer.sign(&tree.head());
    put("checkpoint", "genuine", checkpoint.as_bytes());
    put("vkey", "log", signer.vkey().as_bytes());
    let witness = Cosigner::from_seed("witness.example/w1".parse().unwrap(), &[2; 32]);
    put("vkey", "witness", witness.vkey().as_bytes());
    let proof = ProofFile {
        entry: Some(b"b".to_vec()),
        index: 1,
        hashes: prove_inclusion(&stored, 1, 3).unwrap(),
        checkpoint,
    };
    put("proof_file", "genuine", proof.to_text().as_bytes());
    put(
        "tile",
        "entries",
        &entries_bundle(&["a", "bb", "ccc"]).unwrap(),
    );
    put("tile", "hashes", stored.first().unwrap().as_bytes());
    put("tile", "path", b"tile/entries/x001/234.p/5");
    let body = seal(
        &PersonKey::from_bytes([7; 32]),
        "ada",
        [1; 32],
        [2; 24],
        "They asked.",
    )
    .unwrap();
    let leaf = Leaf {
        v: LEAF_VERSION,
        kind: "submit-request".to_owned(),
        stream: "request".to_owned(),
        at: 1_761_300_000_000,
        engine: "0.1.0".to_owned(),
        bundle: Some(Digest::of(b"a bundle")),
        record: json!({"bodies": [body.reference()], "blobs": [Digest::of(b"x")], "erased": ["bob"], "text": "\u{e9}\u{202e}\"\\\n"}),
    };
    put("leaf", "entry", &leaf.encode().unwrap());
    put("leaf", "json", br#"{"a":[1,-2,true,null],"b":"\u001f"}"#);
    let opened = body.open(&PersonKey::from_bytes([7; 32])).unwrap();
    let files = [
        ("erased", BodyFile::Erased(body.reference())),
        ("missing", BodyFile::Missing(body.reference())),
        ("opened", BodyFile::Opened(opened)),
        ("sealed", BodyFile::Sealed(body)),
    ];
    for (name, file) in files {
        put("body_file", name, &file.to_bytes().unwrap());
    }
}

fn bundle() {
    let catalog = include_bytes!("../../testkit/bundle/catalog/all.toml");
    let policies = include_bytes!("../../testkit/bundle/policies/all.cedar");
    put("catalog", "whole", catalog);
    put(
        "catalog",
        "small",
        b"[[platform]]\nid = \"p\"\ntitle = \"P\"\n",
    );
    put("policies", "whole", policies);
    let files = [("catalog/a.toml", "x = 1\n"), ("policies/a.cedar", "")];
    let files = files.map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()));
    put(
        "packed_bundle",
        "small",
        &pack(&BundleFiles::new(files.into()).unwrap()),
    );
}
