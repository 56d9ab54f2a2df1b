//! Which proxy leads to the cluster, by the rules of kubectl.
//!
//! `kube` compares `NO_PROXY` with the proxy's own address instead of the cluster's, and refuses a
//! list with a comma too many, so the decision is taken here.

use std::env;
use std::net::IpAddr;

use http::Uri;

/// The proxy variables of the environment.
#[derive(Debug, Default)]
pub(super) struct ProxyEnvironment {
    pub(super) https_proxy: Option<String>,
    pub(super) no_proxy: Option<String>,
}

impl ProxyEnvironment {
    pub(super) fn read() -> Self {
        let first = |names: [&str; 2]| {
            names
                .into_iter()
                .filter_map(|name| env::var(name).ok())
                .find(|value| !value.is_empty())
        };
        Self {
            https_proxy: first(["HTTPS_PROXY", "https_proxy"]),
            no_proxy: first(["NO_PROXY", "no_proxy"]),
        }
    }

    /// Returns the proxy for `server`. One that the kubeconfig names always counts; that of the
    /// environment counts for HTTPS, not for this machine, and not for hosts in `NO_PROXY`.
    pub(super) fn proxy_for<'a>(
        &'a self,
        server: &Uri,
        of_kubeconfig: Option<&'a str>,
    ) -> Option<&'a str> {
        if let Some(proxy) = of_kubeconfig.filter(|proxy| !proxy.is_empty()) {
            return Some(proxy);
        }
        let host = server.host()?.trim_matches(['[', ']']);
        if server.scheme_str() != Some("https") || is_loopback(host) {
            return None;
        }
        let excluded = self
            .no_proxy
            .iter()
            .flat_map(|list| list.split(','))
            .any(|rule| matches(rule.trim(), host, server.port_u16()));
        self.https_proxy.as_deref().filter(|_| !excluded)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// A rule is `*`, an address, a network, or a name that stands for itself and all below it; a name
/// or an address may end in a port.
fn matches(rule: &str, host: &str, port: Option<u16>) -> bool {
    if rule == "*" {
        return true;
    }
    if let Some((network, bits)) = rule.split_once('/') {
        return match (network.parse(), bits.parse(), host.parse()) {
            (Ok(network), Ok(bits), Ok(host)) => contains(network, bits, host),
            _ => false,
        };
    }
    let (rule, rule_port) = match rule.rsplit_once(':') {
        Some((name, number)) if !name.contains(':') || name.ends_with(']') => {
            (name, number.parse::<u16>().ok())
        }
        _ => (rule, None),
    };
    if rule_port.is_some_and(|rule_port| rule_port != port.unwrap_or(443)) {
        return false;
    }
    let name = rule
        .trim_matches(['[', ']'])
        .trim_start_matches('*')
        .trim_start_matches('.')
        .to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    !name.is_empty()
        && host
            .strip_suffix(&name)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn contains(network: IpAddr, bits: u32, host: IpAddr) -> bool {
    let (network, host, width) = match (network, host) {
        (IpAddr::V4(network), IpAddr::V4(host)) => (
            u128::from(network.to_bits()),
            u128::from(host.to_bits()),
            32,
        ),
        (IpAddr::V6(network), IpAddr::V6(host)) => (network.to_bits(), host.to_bits(), 128),
        _ => return false,
    };
    let Some(rest) = u32::checked_sub(width, bits) else {
        return false;
    };
    // A shift by the whole width has no result on either side, which says the same: all are inside.
    network.checked_shr(rest) == host.checked_shr(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(server: &str, no_proxy: &str) -> bool {
        ProxyEnvironment {
            https_proxy: Some("http://proxy:3128".into()),
            no_proxy: Some(no_proxy.into()),
        }
        .proxy_for(&server.parse().unwrap(), None)
        .is_some()
    }

    #[test]
    fn no_proxy_is_held_against_the_cluster() {
        let server = "https://abc.gr7.us-west-2.eks.amazonaws.com";
        assert!(proxied(server, ""));
        assert!(proxied(server, "proxy,example.com"));
        assert!(proxied(server, "ks.amazonaws.com"));
        for rule in [
            "*",
            ".eks.amazonaws.com",
            "*.amazonaws.com",
            "amazonaws.com",
            "example.com, ABC.gr7.us-west-2.eks.amazonaws.com:443,",
        ] {
            assert!(!proxied(server, rule), "{rule}");
        }
        assert!(proxied(server, "amazonaws.com:8443"));
    }

    #[test]
    fn networks_and_addresses_are_understood() {
        for rule in ["10.0.0.0/8", "10.1.2.3", "10.1.2.3:6443", "0.0.0.0/0"] {
            assert!(!proxied("https://10.1.2.3:6443", rule), "{rule}");
        }
        for rule in ["11.0.0.0/8", "10.1.2.0/40", "10.1.2.3:443", "fd00::/8", "/"] {
            assert!(proxied("https://10.1.2.3:6443", rule), "{rule}");
        }
        assert!(!proxied("https://[fd00::1]:6443", "fd00::/8"));
        assert!(!proxied("https://[fd00::1]:6443", "fd00::1"));
        assert!(!proxied("https://[fd00::1]:6443", "[fd00::1]:6443"));
        assert!(!proxied("https://[fd00::1]:6443", "::/0"));
    }

    #[test]
    fn this_machine_and_plain_http_are_never_proxied() {
        assert!(!proxied("https://127.0.0.1:6443", ""));
        assert!(!proxied("https://localhost:6443", ""));
        assert!(!proxied("http://10.1.2.3:8080", ""));
    }

    #[test]
    fn the_proxy_of_the_kubeconfig_always_counts() {
        let environment = ProxyEnvironment {
            https_proxy: None,
            no_proxy: Some("*".into()),
        };
        let server = "http://127.0.0.1:1".parse().unwrap();
        assert_eq!(
            environment.proxy_for(&server, Some("socks5://jump:1080")),
            Some("socks5://jump:1080")
        );
    }
}
