//! Writes one wire record for every attempt of every AWS call, and watches the server's clock.
//!
//! An attempt that was never sent, say for want of credentials, leaves no record.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef, Error, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use super::gated::Named;
use crate::clients::line::WireLine;
use crate::clients::skew::ClockSkew;
use crate::clients::wire::{WireLog, WireRecord};

/// Sits in the configuration of each service client.
#[derive(Debug, Clone)]
pub(super) struct WireInterceptor {
    pub(super) log: WireLog,
    pub(super) skew: ClockSkew,
}

/// The attempt that is on its way.
#[derive(Debug)]
struct Sent(WireLine);

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

impl Intercept for WireInterceptor {
    fn name(&self) -> &'static str {
        "WireInterceptor"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (operation, write) = bag.load::<Metadata>().map_or_else(Default::default, named);
        context
            .request_mut()
            .add_extension(Named { operation, write });
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let (operation, write) = bag.load::<Metadata>().map_or_else(Default::default, named);
        let target = host(request.uri());
        let now = self.log.now();
        let mut record = WireRecord::new(now, "aws", request.method(), &operation, &target);
        record.write = write;
        record.attempt = bag
            .load::<RequestAttempts>()
            .map_or(1, RequestAttempts::attempts);
        bag.interceptor_state()
            .store_put(Sent(WireLine::start(&self.log, record)));
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let date = response.headers().get("date");
        self.skew.observe(date, self.log.now());
        if let Some(Sent(line)) = bag.load::<Sent>() {
            line.answered(response.status().as_u16(), request_id(response));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(Sent(line)), Some(Err(error))) =
            (bag.load::<Sent>(), context.output_or_error())
        {
            let code = context.response().and_then(error_code);
            line.failed(code.as_deref().unwrap_or_else(|| reason(error)));
        }
        // Drops the line and thereby writes it. The next attempt may end before it is sent, and
        // must not find this one.
        bag.interceptor_state().unset::<Sent>();
        Ok(())
    }
}

/// Returns the remote's id of the request, under either of its names.
pub(super) fn request_id(response: &HttpResponse) -> Option<String> {
    ["x-amzn-requestid", "x-amz-request-id"]
        .into_iter()
        .find_map(|name| response.headers().get(name))
        .map(str::to_owned)
}

/// Returns `iam:CreateRole` and whether such a call changes anything.
fn named(metadata: &Metadata) -> (String, bool) {
    const READS: [&str; 6] = ["Get", "List", "Describe", "Head", "Simulate", "Assume"];
    (
        format!(
            "{}:{}",
            metadata.service().to_ascii_lowercase(),
            metadata.name()
        ),
        !READS.iter().any(|verb| metadata.name().starts_with(verb)),
    )
}

/// Scheme, host and port of a URL. Nothing else of it may reach the log.
fn host(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// Finds the error code where the two kinds of AWS answers keep it: a header, or the first `Code`
/// of an XML body.
fn error_code(response: &HttpResponse) -> Option<String> {
    let code = match response.headers().get("x-amzn-errortype") {
        Some(header) => header.split(':').next()?,
        None => {
            str::from_utf8(response.body().bytes()?)
                .ok()?
                .split_once("<Code>")?
                .1
                .split_once("</Code>")?
                .0
        }
    };
    Some(code.to_owned())
}

fn reason(error: &OrchestratorError<Error>) -> &'static str {
    if error.is_timeout_error() {
        "timed out"
    } else if error.is_connector_error() {
        "not sent, or no answer"
    } else if error.is_response_error() {
        "answer cut off or unreadable"
    } else {
        "refused"
    }
}
