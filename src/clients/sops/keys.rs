//! The private keys of this machine: a file in the form of `age-keygen`, for nobody else to read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use age::{Decryptor, Encryptor};
use zeroize::Zeroizing;

use super::cipher::DataKey;
use super::error::{SopsError, Trouble};
use super::metadata::Wrapped;
use super::recipients::Recipient;

/// What `age-keygen` and SOPS know the file by.
const CHOSEN: &str = "SOPS_AGE_KEY_FILE";

/// The largest file of keys.
const LARGEST: u64 = 1 << 20;

/// Where the private keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    /// The file.
    pub file: PathBuf,
    /// Whether somebody named it, who then answers for its mode.
    pub is_chosen: bool,
}

impl Keyring {
    /// Returns where they are by the environment: `$SOPS_AGE_KEY_FILE`, else
    /// `$XDG_CONFIG_HOME/rok-deploy/age.key`.
    pub fn of(environment: &BTreeMap<String, String>) -> Self {
        let of = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        if let Some(file) = of(CHOSEN) {
            return Self {
                file: file.into(),
                is_chosen: true,
            };
        }
        let config = match (of("XDG_CONFIG_HOME"), of("HOME")) {
            (Some(config), _) if Path::new(config).is_absolute() => PathBuf::from(config),
            (_, Some(home)) => Path::new(home).join(".config"),
            _ => PathBuf::from("/"),
        };
        Self::at(config.join("rok-deploy").join("age.key"))
    }

    /// Returns that of a file of our own.
    pub fn at(file: PathBuf) -> Self {
        Self {
            file,
            is_chosen: false,
        }
    }

    fn told(&self) -> String {
        self.file.display().to_string()
    }

    /// Returns the keys; `None` when there is no such file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, holds something else, or can be read by others.
    pub fn keys(&self) -> Result<Option<AgeKeys>, SopsError> {
        let wrong = |trouble: Trouble| trouble.of(self.told());
        let file = match fs::File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(Trouble::io("read", &error))),
        };
        let failed = |error: io::Error| wrong(Trouble::io("read", &error));
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
        let is_open = mode & 0o077 != 0;
        if is_open && !self.is_chosen {
            return Err(wrong(Trouble::Mode { mode }));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(LARGEST)
            .read_to_string(&mut text)
            .map_err(failed)?;
        let identities = parse(&text).map_err(wrong)?;
        Ok(Some(AgeKeys {
            identities,
            file: self.file.clone(),
            // Whoever names a file answers for it: in a Pod it may be mounted so.
            warning: is_open.then(|| wrong(Trouble::Mode { mode }).to_string()),
        }))
    }

    /// Returns the keys, and makes one where there is none. The file appears whole, or not at all; one
    /// that somebody makes meanwhile counts.
    ///
    /// # Errors
    ///
    /// When it cannot be written or read.
    pub fn open_or_make(&self, now: jiff::Timestamp) -> Result<AgeKeys, SopsError> {
        if let Some(keys) = self.keys()? {
            return Ok(keys);
        }
        let failed = |error: io::Error| Trouble::io("written", &error).of(self.told());
        let folder = self.file.parent().unwrap_or(Path::new("/"));
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let identity = Identity::generate();
        let second = now.strftime("%Y-%m-%dT%H:%M:%SZ");
        let secret = identity.to_string();
        let text = Zeroizing::new(format!(
            "# created: {second}\n# public key: {}\n{}\n",
            identity.to_public(),
            secret.expose_secret()
        ));
        // A temporary file has the mode 0600 from its beginning.
        let mut file = tempfile::Builder::new()
            .prefix(".age.key-")
            .tempfile_in(folder)
            .map_err(failed)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .map_err(failed)?;
        match file.persist_noclobber(&self.file) {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.error)),
        }
        let missing = Trouble::KeyMissing {
            key: self.file.clone(),
        };
        self.keys()?.ok_or_else(|| missing.of(self.told()))
    }
}

/// Private keys. They show themselves to nobody.
pub struct AgeKeys {
    identities: Vec<Identity>,
    file: PathBuf,
    warning: Option<String>,
}

impl fmt::Debug for AgeKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AgeKeys({})", self.identities.len())
    }
}

impl AgeKeys {
    /// Returns for whom a file has to be encrypted so that these keys open it; the first is ours.
    ///
    /// # Panics
    ///
    /// Never: there is at least one key.
    pub fn recipient(&self) -> Recipient {
        let first = self.identities.first().expect("a file of keys holds one");
        Recipient::of(&first.to_public())
    }

    /// Returns what the operator should know about the file.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Whether one of the keys opens what is encrypted for that recipient.
    pub fn has(&self, recipient: &str) -> bool {
        self.of(recipient).is_some()
    }

    fn of(&self, recipient: &str) -> Option<&Identity> {
        let is_it = |identity: &&Identity| identity.to_public().to_string() == recipient;
        self.identities.iter().find(is_it)
    }

    /// Returns the data key of a file.
    pub(super) fn unwrap(&self, wrapped: &[Wrapped]) -> Result<DataKey, Trouble> {
        let ours = wrapped
            .iter()
            .find_map(|key| Some((self.of(&key.recipient)?, key)));
        let Some((identity, key)) = ours else {
            let recipients = wrapped.iter().map(|key| key.recipient.clone());
            let ours = self.identities.iter();
            return Err(Trouble::NoKey {
                recipients: recipients.collect(),
                ours: ours.map(|key| key.to_public().to_string()).collect(),
                key: self.file.clone(),
            });
        };
        let damaged = |why: String| Trouble::DataKey {
            recipient: key.recipient.clone(),
            why,
        };
        let mut bytes = Zeroizing::new(Vec::new());
        Decryptor::new_buffered(ArmoredReader::new(key.enc.as_bytes()))
            .and_then(|decryptor| {
                decryptor.decrypt(std::iter::once(identity as &dyn age::Identity))
            })
            .map_err(|error| damaged(error.to_string().to_lowercase()))?
            .take(1 << 10)
            .read_to_end(&mut bytes)
            .map_err(|error| damaged(error.to_string()))?;
        DataKey::of(&bytes).map_err(damaged)
    }
}

/// Encrypts a data key for a recipient.
pub(super) fn wrap(key: &DataKey, recipient: &Recipient) -> Result<Wrapped, Trouble> {
    let failed = |error: io::Error| Trouble::io("encrypted", &error);
    let mut enc = Vec::new();
    let armor = ArmoredWriter::wrap_output(&mut enc, Format::AsciiArmor).map_err(failed)?;
    let public = recipient.public();
    let mut writer = Encryptor::with_recipients(std::iter::once(&public as &dyn age::Recipient))
        .map_err(|error| Trouble::Io {
            what: "encrypted".into(),
            why: error.to_string(),
        })?
        .wrap_output(armor)
        .map_err(failed)?;
    writer.write_all(key.bytes()).map_err(failed)?;
    writer
        .finish()
        .and_then(ArmoredWriter::finish)
        .map_err(failed)?;
    let mut enc = String::from_utf8(enc).expect("armor is ASCII");
    if !enc.ends_with('\n') {
        enc.push('\n');
    }
    Ok(Wrapped {
        recipient: recipient.to_string(),
        enc,
    })
}

/// Reads a file of keys.
pub(super) fn parse(text: &str) -> Result<Vec<Identity>, Trouble> {
    let mut identities = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |found: &str| Trouble::Key {
            line: index + 1,
            found: found.into(),
        };
        identities.push(line.parse::<Identity>().map_err(|_| {
            wrong(if line.starts_with("AGE-PLUGIN-") {
                "the key of a plugin"
            } else if line.starts_with("AGE-SECRET-KEY-PQ-") {
                "a post-quantum key"
            } else if line.starts_with("AGE-SECRET-KEY-1") {
                "a key that is damaged"
            } else {
                "something else"
            })
        })?);
    }
    if identities.is_empty() {
        return Err(Trouble::NoKeys);
    }
    Ok(identities)
}
