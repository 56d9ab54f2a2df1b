//! What the clone holds of the credentials, what it should hold, and what makes it so.
//!
//! All of it is pure but for keys and random numbers, and is done behind the gate: what comes out may be known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::credentials::Credentials;
use super::files::{self, CONFIGVARS, CREDENTIALS, RECIPIENTS, SECRET_VARS};
use super::{ConfigVars, Keeping};
use crate::clients::git::{Clone as GitClone, blob_id};
use crate::clients::secret::Secret;
use crate::clients::sops::{self, AgeKeys, Keyring, Recipients, SopsError, Trouble};
use crate::engine::StepError;
use crate::steps::gitops::Repository;

/// The files that may hold the credentials.
const HOLDERS: [&str; 3] = [CREDENTIALS, SECRET_VARS, CONFIGVARS];

/// A file of the clone.
struct File {
    text: String,
    /// Whether it is in the working tree, and not only in HEAD.
    is_written: bool,
}

/// The files as they were found.
pub(super) struct Found {
    files: BTreeMap<&'static str, File>,
}

impl Found {
    /// Reads them: those of the working tree, else of HEAD; before there is a clone, of the skeleton.
    pub(super) fn read(
        repository: &Repository,
        clone: Option<&GitClone>,
    ) -> Result<Self, StepError> {
        let mut files = BTreeMap::new();
        for path in HOLDERS.into_iter().chain([RECIPIENTS]) {
            let (bytes, is_written) = match clone {
                Some(clone) => match clone.read(path).map_err(crate::steps::gitops::failed)? {
                    Some(bytes) => (Some(bytes), true),
                    None => (
                        clone
                            .read_head(path)
                            .map_err(crate::steps::gitops::failed)?,
                        false,
                    ),
                },
                None => (repository.skeleton_file(path).map(<[u8]>::to_vec), true),
            };
            let Some(bytes) = bytes else { continue };
            let text = String::from_utf8(bytes)
                .map_err(|_| StepError::answers(format!("`{path}` is not UTF-8 text")))?;
            files.insert(path, File { text, is_written });
        }
        Ok(Self { files })
    }

    /// Returns what the work depends on, by content: nothing of it is a secret.
    pub(super) fn ids(&self) -> BTreeMap<&'static str, (String, bool)> {
        let id = |file: &File| (blob_id(file.text.as_bytes()), file.is_written);
        self.files
            .iter()
            .map(|(path, file)| (*path, id(file)))
            .collect()
    }

    /// Returns the blob id of a file that is there.
    pub(super) fn id(&self, path: &str) -> Option<String> {
        self.files
            .get(path)
            .map(|file| blob_id(file.text.as_bytes()))
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.text.as_str())
    }

    fn is_written(&self, path: &str) -> bool {
        self.files.get(path).is_some_and(|file| file.is_written)
    }

    fn recipients(&self) -> Result<Recipients, SopsError> {
        Recipients::read(self.text(RECIPIENTS)).map_err(|trouble| trouble.of(RECIPIENTS))
    }
}

/// A file that was opened, or is in clear anyway.
struct Holder {
    clear: Secret,
    /// For whom it is encrypted, where it is.
    sealed_for: Option<Vec<String>>,
}

/// All files in clear.
struct Open {
    keys: Option<AgeKeys>,
    holders: BTreeMap<&'static str, Holder>,
}

impl Open {
    fn read(found: &Found, keyring: &Keyring) -> Result<Self, SopsError> {
        let keys = keyring.keys()?;
        let mut holders = BTreeMap::new();
        for path in HOLDERS {
            let Some(text) = found.text(path) else {
                continue;
            };
            let format = files::format(path);
            let sealed_for = if text.contains("ENC[") || path != CONFIGVARS {
                sops::recipients_of(format, text).map_err(|trouble| trouble.of(path))?
            } else {
                None
            };
            let clear = if sealed_for.is_some() {
                let missing = || Trouble::KeyMissing {
                    key: keyring.file.clone(),
                };
                let keys = keys.as_ref().ok_or_else(|| missing().of(path))?;
                sops::open(format, path, text, keys)?.text
            } else {
                Secret::new(text)
            };
            holders.insert(path, Holder { clear, sealed_for });
        }
        Ok(Self { keys, holders })
    }

    fn clear(&self, path: &str) -> Option<&str> {
        self.holders.get(path).map(|holder| holder.clear.expose())
    }

    /// Returns the credentials that the files hold; the two that differ, where two do.
    fn credentials(&self) -> Result<Result<Option<Credentials>, [&'static str; 2]>, SopsError> {
        let mut first: Option<(&'static str, Credentials)> = None;
        for path in HOLDERS {
            let Some(text) = self.clear(path) else {
                continue;
            };
            let Some(other) = files::credentials(path, text)? else {
                continue;
            };
            match &first {
                Some((path_of_first, first)) if *first != other => {
                    return Ok(Err([path_of_first, path]));
                }
                Some(_) => {}
                None => first = Some((path, other)),
            }
        }
        Ok(Ok(first.map(|(_, credentials)| credentials)))
    }

    /// Whether one of our keys opens what is encrypted for those in the list.
    fn is_listed(&self, recipients: &Recipients) -> bool {
        let ours = |keys: &AgeKeys| recipients.list().iter().any(|it| keys.has(it.as_str()));
        self.keys.as_ref().is_some_and(ours)
    }
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Looked {
    /// Two files that hold other credentials than one another.
    pub(super) disagree: Option<[String; 2]>,
    /// The private key that has to be made first.
    pub(super) makes_key: Option<String>,
    /// Whether there are no credentials yet.
    pub(super) makes_credentials: bool,
    /// Files that have to be written.
    pub(super) writes: Vec<String>,
    /// Recipients of encrypted files who are not in the list.
    pub(super) others: Vec<String>,
    /// What the operator should know about the private key.
    pub(super) about_key: Option<String>,
    /// Whether the values were in clear, and are in Git's history.
    pub(super) were_in_clear: bool,
}

/// Looks what is there and what is missing.
pub(super) fn look(
    found: &Found,
    keeping: Keeping,
    vars: ConfigVars,
    keyring: &Keyring,
) -> Result<Looked, SopsError> {
    let open = Open::read(found, keyring)?;
    let mut looked = Looked {
        disagree: None,
        makes_key: None,
        makes_credentials: false,
        writes: Vec::new(),
        others: Vec::new(),
        about_key: None,
        were_in_clear: false,
    };
    let about_key = open.keys.as_ref().and_then(AgeKeys::warning);
    looked.about_key = about_key.map(str::to_owned);
    match open.credentials()? {
        Err(paths) => looked.disagree = Some(paths.map(str::to_owned)),
        Ok(credentials) => looked.makes_credentials = credentials.is_none(),
    }
    let mut writes = Vec::new();
    match keeping {
        Keeping::Encrypted => {
            let recipients = found.recipients()?;
            if open.keys.is_none() {
                looked.makes_key = Some(keyring.file.display().to_string());
            }
            if !open.is_listed(&recipients) || !found.is_written(RECIPIENTS) {
                writes.push(RECIPIENTS);
            }
            for path in [SECRET_VARS, CREDENTIALS] {
                let holder = open.holders.get(path);
                let readers = holder.and_then(|holder| holder.sealed_for.as_ref());
                let is_whole = match (holder, readers) {
                    (Some(holder), Some(readers)) => {
                        let missing =
                            |it: &&sops::Recipient| !readers.iter().any(|r| r == it.as_str());
                        files::has(path, holder.clear.expose(), vars)?
                            && !recipients.list().iter().any(|it| missing(&it))
                    }
                    _ => false,
                };
                for reader in readers.into_iter().flatten() {
                    let is_listed = recipients.list().iter().any(|it| it.as_str() == reader);
                    let is_ours = open.keys.as_ref().is_some_and(|keys| keys.has(reader));
                    if !is_listed && !is_ours && !looked.others.contains(reader) {
                        looked.others.push(reader.clone());
                    }
                }
                looked.were_in_clear |= readers.is_none()
                    && holder.is_some_and(|holder| {
                        matches!(files::credentials(path, holder.clear.expose()), Ok(Some(_)))
                    });
                if !is_whole || !found.is_written(path) {
                    writes.push(path);
                }
            }
            if has_any(&open, CONFIGVARS)? {
                looked.were_in_clear = true;
                writes.push(CONFIGVARS);
            }
        }
        Keeping::InClear => {
            for path in [CREDENTIALS, CONFIGVARS] {
                let is_whole = match open.holders.get(path) {
                    Some(holder) => {
                        holder.sealed_for.is_none()
                            && files::has(path, holder.clear.expose(), vars)?
                    }
                    None => false,
                };
                if !is_whole || !found.is_written(path) {
                    writes.push(path);
                }
            }
        }
    }
    looked.writes = writes.into_iter().map(str::to_owned).collect();
    Ok(looked)
}

fn has_any(open: &Open, path: &str) -> Result<bool, SopsError> {
    let Some(text) = open.clear(path) else {
        return Ok(false);
    };
    Ok(files::credentials(path, text)?.is_some())
}

/// Returns the files as they have to be written, by path. Makes the key and the credentials that are
/// not there.
pub(super) fn intend(
    found: &Found,
    keeping: Keeping,
    vars: ConfigVars,
    keyring: &Keyring,
    now: jiff::Timestamp,
) -> Result<BTreeMap<String, String>, SopsError> {
    let mut open = Open::read(found, keyring)?;
    let credentials = match open.credentials()? {
        Ok(Some(credentials)) => credentials,
        Ok(None) => Credentials::make().map_err(|trouble| trouble.of(CREDENTIALS))?,
        Err([one, other]) => {
            let what = format!("another pair of credentials than `{other}` has");
            return Err(Trouble::unsupported(what).of(one));
        }
    };
    let mut texts = BTreeMap::new();
    match keeping {
        Keeping::Encrypted => {
            open.keys = Some(keyring.open_or_make(now)?);
            let recipients = listed(found, &open)?;
            for path in [SECRET_VARS, CREDENTIALS] {
                let clear = files::with(path, open.clear(path), vars, &credentials)?;
                let text = sealed(found, &open, path, &clear, &recipients, now)?;
                texts.insert(path.to_owned(), text);
            }
            texts.insert(RECIPIENTS.to_owned(), recipients.text().to_owned());
            if has_any(&open, CONFIGVARS)? {
                let clear = open.clear(CONFIGVARS).unwrap_or_default();
                texts.insert(CONFIGVARS.to_owned(), files::without(CONFIGVARS, clear)?);
            }
        }
        Keeping::InClear => {
            let text = files::with(CREDENTIALS, open.clear(CREDENTIALS), vars, &credentials)?;
            texts.insert(CREDENTIALS.to_owned(), text);
            let Some(clear) = open.clear(CONFIGVARS) else {
                return Err(
                    Trouble::unsupported("no file to put the credentials in").of(CONFIGVARS)
                );
            };
            let text = files::with(CONFIGVARS, Some(clear), vars, &credentials)?;
            texts.insert(CONFIGVARS.to_owned(), text);
        }
    }
    Ok(texts)
}

/// Returns the recipients, ours among them.
fn listed(found: &Found, open: &Open) -> Result<Recipients, SopsError> {
    let mut recipients = found.recipients()?;
    if let (Some(keys), false) = (&open.keys, open.is_listed(&recipients)) {
        recipients.add(keys.recipient());
    }
    Ok(recipients)
}

fn sealed(
    found: &Found,
    open: &Open,
    path: &str,
    clear: &str,
    recipients: &Recipients,
    now: jiff::Timestamp,
) -> Result<String, SopsError> {
    let format = files::format(path);
    let is_sealed = open
        .holders
        .get(path)
        .is_some_and(|holder| holder.sealed_for.is_some());
    match (found.text(path), &open.keys) {
        (Some(text), Some(keys)) if is_sealed => {
            sops::reseal(format, path, text, keys, clear, recipients.list(), now)
        }
        _ => sops::seal(
            format,
            path,
            clear,
            recipients.list(),
            &files::rule(path),
            now,
        ),
    }
}

/// Returns the files that hold credentials, with new ones in them; encrypted anew, for those in the list, where they were
/// encrypted. Nothing of them when there are none.
pub(super) fn renew(
    found: &Found,
    keyring: &Keyring,
    now: jiff::Timestamp,
) -> Result<BTreeMap<String, String>, SopsError> {
    let open = Open::read(found, keyring)?;
    let new = Credentials::make().map_err(|trouble| trouble.of(CREDENTIALS))?;
    let mut texts = BTreeMap::new();
    for (path, holder) in &open.holders {
        let clear = holder.clear.expose();
        if files::credentials(path, clear)?.is_none() {
            continue;
        }
        let clear = files::replaced(path, clear, &new)?;
        let text = match (&holder.sealed_for, &open.keys) {
            (Some(_), Some(keys)) => {
                let recipients = listed(found, &open)?;
                let format = files::format(path);
                let sealed = found.text(path).unwrap_or_default();
                let text = sops::renew(format, path, sealed, keys, &clear, recipients.list(), now)?;
                texts.insert(RECIPIENTS.to_owned(), recipients.text().to_owned());
                text
            }
            _ => clear,
        };
        texts.insert((*path).to_owned(), text);
    }
    Ok(texts)
}

/// Returns the files that hold credentials, and whether they are encrypted.
pub(super) fn holders(
    found: &Found,
    keyring: &Keyring,
) -> Result<BTreeMap<String, bool>, SopsError> {
    let open = Open::read(found, keyring)?;
    let mut holders = BTreeMap::new();
    for (path, holder) in &open.holders {
        if files::credentials(path, holder.clear.expose())?.is_some() {
            holders.insert((*path).to_owned(), holder.sealed_for.is_some());
        }
    }
    Ok(holders)
}
