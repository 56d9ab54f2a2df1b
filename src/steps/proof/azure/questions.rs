//! What is asked in the test Pod on Azure, by which commands.
//!
//! Each command logs in for itself: where exec is forbidden each runs in a container of its own.
//! Names are given to a script as its arguments, so nothing of them is read by the shell, and no
//! token leaves the Pod whole.

use crate::steps::azure::Method;
use crate::steps::proof::probe::Question;

/// The questions, by their containers: the payload of the token that the Pod holds or gets.
pub(super) const CLAIMS: &str = "claims";
/// Who the Azure CLI logs in as.
pub(super) const LOGIN: &str = "login";
/// Whether the storage account answers.
pub(super) const LIST: &str = "list";

/// Where the webhook has the token mounted.
pub(super) const TOKEN_FILE: &str = "/var/run/secrets/azure/tokens/azure-identity-token";

/// Where a node hands out tokens; its answer begins with the token, so the payload is what stands
/// between the first two dots.
const NODE_TOKEN: &str = r#"curl -sS -H "Metadata: true" "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://storage.azure.com/" | cut -d. -f2"#;

const BY_TOKEN: &str = r#"az login --service-principal --username "$AZURE_CLIENT_ID" --tenant "$AZURE_TENANT_ID" --federated-token "$(cat "$AZURE_FEDERATED_TOKEN_FILE")" --allow-no-subscriptions"#;
const BY_NODE: &str = "az login --identity --allow-no-subscriptions";
const LISTING: &str = r#"exec az storage blob list --account-name "$1" --container-name "$2" --auth-mode login --num-results 1 --output json"#;

/// Returns the questions of a method, in their order.
pub(super) fn questions(method: Method, account: &str, container: &str) -> Vec<Question> {
    let script = |text: &str| ["sh".to_owned(), "-c".to_owned(), text.to_owned()];
    let login = match method {
        Method::WorkloadIdentity => BY_TOKEN,
        Method::PodIdentity => BY_NODE,
    };
    let claims = match method {
        Method::WorkloadIdentity => Question::new(CLAIMS, &["cut", "-d.", "-f2", TOKEN_FILE]),
        Method::PodIdentity => Question::of(CLAIMS, script(NODE_TOKEN).into()),
    };
    let shown = format!("exec {login} --output json");
    let listed = format!("{login} --output none && {LISTING}");
    let mut list = Vec::from(script(&listed));
    list.extend(["sh", account, container].map(str::to_owned));
    vec![
        claims,
        Question::of(LOGIN, script(&shown).into()),
        Question::of(LIST, list),
    ]
}
