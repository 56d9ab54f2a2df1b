//! `az account`: who has logged in, and a token of theirs.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::arguments::{Arguments, Known, value};
use super::{Failure, Session};

pub(super) const TOKEN_OPTIONS: &[Known] = &[value(&["--resource"]), value(&["--scope"])];

impl Session<'_> {
    pub(super) fn show_account(&self) -> Result<Value, Failure> {
        let login = self.logged_in()?;
        Ok(login.subscriptions.into_iter().next().unwrap_or_default())
    }

    pub(super) async fn get_access_token(&self, options: &Arguments) -> Result<Value, Failure> {
        let login = self.logged_in()?;
        let scope = options.get("--scope");
        let resource = options
            .get("--resource")
            .or_else(|| scope.map(|scope| scope.trim_end_matches("/.default")))
            .unwrap_or("https://management.core.windows.net/");
        let token = self.token(&login.credential, resource).await?;
        let ends = Timestamp::from_second(token.expires_on).unwrap_or_default();
        let ends = ends.to_zoned(TimeZone::UTC);
        let mut shown = json!({
            "accessToken": token.text,
            "expiresOn": ends.strftime("%Y-%m-%d %H:%M:%S.000000").to_string(),
            "expires_on": token.expires_on,
            "tenant": login.tenant,
            "tokenType": "Bearer",
        });
        let subscription = &login.subscriptions[0]["id"];
        if *subscription != login.tenant {
            shown["subscription"] = subscription.clone();
        }
        Ok(shown)
    }
}
