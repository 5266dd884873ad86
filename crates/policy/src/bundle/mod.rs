//! Bundles: a content-addressed version of catalog, policies and schema, in one folder that is hashed whole.
mod files;
mod load;

pub use files::{
    BYTES_MAX, BundleFiles, FILES_MAX, FilesError, PATH_BYTES_MAX, UnpackError, hash, pack, unpack,
};
pub use load::Bundle;

#[cfg(test)]
mod tests;
