//! Blob storage: the calls that prove a workload's access.

use azure_core::http::{Method, Url};

use super::attempts::Authorization;
use super::connect::Azure;
use super::entra::AccessToken;
use super::error::{AzureError, found, gone};
use super::request::{Asked, PAGES, segment, send};
use super::said::element;
use crate::clients::gate::Answer;
use crate::clients::secret::Secret;

/// Whose token a call is made with.
#[derive(Debug, Clone, Copy)]
pub enum Token<'a> {
    /// The caller's own.
    Caller,
    /// That of another identity.
    Of(&'a AccessToken),
}

/// What the first page of a container's blobs showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The names on it; at most five thousand.
    pub blobs: Vec<String>,
    /// Whether there are more.
    pub has_more: bool,
}

impl Azure {
    /// Lists the blobs of a container. One that does not exist is `None`: to a proof it says that
    /// listing is allowed.
    pub async fn list_blobs(
        &self,
        blob_endpoint: &str,
        container: &str,
        token: Token<'_>,
    ) -> Result<Option<Listing>, AzureError> {
        let query = "restype=container&comp=list";
        let asked = self.blob(Method::Get, blob_endpoint, container, query, token)?;
        let asked = asked.called(format!("GET blobs {container}"));
        let Some(answer) = found(self.send_blob(asked, token).await)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&answer.body);
        Ok(Some(Listing {
            blobs: names(&text, "Blob"),
            has_more: element(&text, "NextMarker").is_some_and(|marker| !marker.is_empty()),
        }))
    }

    /// Returns the names of the containers that begin with `prefix`.
    pub async fn list_containers(
        &self,
        blob_endpoint: &str,
        prefix: &str,
        token: Token<'_>,
    ) -> Result<Vec<String>, AzureError> {
        let operation = "GET containers";
        let mut containers = Vec::new();
        let mut marker = String::new();
        for _ in 0..PAGES {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("comp", "list")
                .append_pair("prefix", prefix)
                .extend_pairs((!marker.is_empty()).then_some(("marker", &marker)))
                .finish();
            let asked = self.blob(Method::Get, blob_endpoint, "", &query, token)?;
            let answer = self
                .send_blob(asked.called(operation.into()), token)
                .await?;
            let text = String::from_utf8_lossy(&answer.body);
            containers.extend(names(&text, "Container"));
            match element(&text, "NextMarker") {
                Some(next) if !next.is_empty() && next != marker => marker = unescaped(next),
                _ => return Ok(containers),
            }
        }
        Err(AzureError::incomplete(operation, "last page"))
    }

    /// Makes a container.
    pub async fn create_container(
        &self,
        blob_endpoint: &str,
        container: &str,
        token: Token<'_>,
    ) -> Result<(), AzureError> {
        let query = "restype=container";
        let asked = self.blob(Method::Put, blob_endpoint, container, query, token)?;
        let asked = asked.called(format!("PUT container {container}"));
        self.send_blob(asked, token).await?;
        Ok(())
    }

    /// Deletes a container with all that is in it. One that is gone is fine.
    pub async fn delete_container(
        &self,
        blob_endpoint: &str,
        container: &str,
        token: Token<'_>,
    ) -> Result<(), AzureError> {
        let query = "restype=container";
        let asked = self.blob(Method::Delete, blob_endpoint, container, query, token)?;
        let asked = asked.called(format!("DELETE container {container}"));
        gone(self.send_blob(asked, token).await)
    }

    /// Starts a request to a storage account. An account of an emulator may be a part of the path.
    fn blob(
        &self,
        method: Method,
        endpoint: &str,
        container: &str,
        query: &str,
        token: Token<'_>,
    ) -> Result<Asked, AzureError> {
        let mut url = Url::parse(endpoint).map_err(|error| {
            AzureError::invalid("blob", &format!("`{endpoint}` is no endpoint: {error}"))
        })?;
        let path = format!(
            "{}/{}",
            url.path().trim_end_matches('/'),
            segment(container)
        );
        url.set_path(&path);
        url.set_query(Some(query));
        let authorization = match token {
            Token::Caller => Authorization::Caller(self.inner.cloud.storage_scope()),
            Token::Of(token) => Authorization::Other(Secret::new(token.token.expose())),
        };
        Ok(Asked::new(method, url)
            .with(authorization)
            // Tokens are understood since 2017-11-09.
            .header("x-ms-version", "2023-11-03"))
    }

    async fn send_blob(&self, asked: Asked, token: Token<'_>) -> Result<Answer, AzureError> {
        let answered = send(&self.inner.pipeline, asked).await;
        answered.map_err(|error| match token {
            Token::Caller => self.failed(error),
            Token::Of(_) => self.of_workload(error),
        })
    }
}

/// Returns the names of the elements of one kind in a list.
fn names(xml: &str, kind: &str) -> Vec<String> {
    let open = format!("<{kind}>");
    xml.split(&open)
        .skip(1)
        .filter_map(|item| element(item, "Name"))
        .map(unescaped)
        .collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        // Last, so that what was escaped twice is unescaped once.
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_a_list() {
        let xml = "<EnumerationResults><Blobs><Blob><Name>a&amp;amp;b/c</Name></Blob>\
                   <BlobPrefix><Name>no/</Name></BlobPrefix><Blob><Name>d</Name><Properties/>\
                   </Blob></Blobs><NextMarker/></EnumerationResults>";
        assert_eq!(names(xml, "Blob"), ["a&amp;b/c", "d"]);
        assert!(names(xml, "Container").is_empty());
    }
}
