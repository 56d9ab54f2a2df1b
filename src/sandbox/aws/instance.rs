//! The EC2 instance under the cluster's node. Whoever reaches its metadata service gets the
//! credentials of its role, as a Pod without an identity of its own does.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::AwsServer;
use super::cloud::Cloud;
use super::lagged::Lagged;
use super::state::{AwsState, Grants, Role};
use super::sts::new_session;
use super::text::unique_id;
use crate::sandbox::clock::Clock;

/// How long the credentials of an instance are good for.
const SECONDS: i64 = 6 * 3600;

/// An instance with a role.
#[derive(Clone)]
pub struct Instance {
    cloud: Arc<Cloud>,
    id: String,
    role: String,
}

/// Temporary credentials of an instance.
#[derive(Debug, Clone)]
pub struct InstanceCredentials {
    pub access_key: String,
    pub secret_key: String,
    pub session_token: String,
}

impl AwsServer {
    /// Puts an instance into the account. Its role is made without any rights when it is not there.
    ///
    /// # Errors
    ///
    /// When the world cannot be written.
    pub fn instance(&self, id: &str, role: &str) -> io::Result<Instance> {
        if self.state().read(|state| !state.has_role(role)) {
            let Ok(()) = self.state().write(|state| {
                add_role(state, role, self.cloud.conduct.clock.now());
                Ok::<_, std::convert::Infallible>(())
            })?;
        }
        Ok(Instance {
            cloud: Arc::clone(&self.cloud),
            id: id.into(),
            role: role.into(),
        })
    }
}

impl Instance {
    /// The instance's clock, which is right.
    pub fn clock(&self) -> Clock {
        self.cloud.conduct.clock.clone()
    }

    /// Asks the metadata service. `None` when the role is gone.
    ///
    /// # Errors
    ///
    /// When the world cannot be written.
    pub fn credentials(&self) -> io::Result<Option<InstanceCredentials>> {
        let Ok(credentials) = self.cloud.store.write(|state| {
            let role = state.roles.get(&self.role).cloned();
            let credentials = role.map(|role| {
                let now = self.cloud.conduct.clock.now();
                let (access_key, session) = new_session(state, &role, &self.id, SECONDS, None, now);
                InstanceCredentials {
                    access_key,
                    secret_key: session.secret,
                    session_token: session.token,
                }
            });
            Ok::<_, std::convert::Infallible>(credentials)
        })?;
        Ok(credentials)
    }
}

fn add_role(state: &mut AwsState, name: &str, now: Timestamp) {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "ec2.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    });
    let role = Role {
        name: name.into(),
        path: "/".into(),
        id: unique_id("AROA", 17),
        created: now,
        description: None,
        max_session_seconds: 3600,
        trust: Lagged::settled(trust.to_string()),
        tags: BTreeMap::new(),
        grants: Grants::default(),
    };
    state.roles.insert(name.into(), role);
}
