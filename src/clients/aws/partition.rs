//! Which of the separate Amazon clouds a region belongs to.
//!
//! Accounts, keys and ARNs of one partition mean nothing in another.

/// One separate Amazon cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// The second part of every ARN: `aws`, `aws-cn`, `aws-us-gov` or `aws-eusc`.
    pub id: &'static str,
    /// What the names of its endpoints end in.
    pub dns_suffix: &'static str,
}

/// Region prefixes outside the commercial partition.
const ELSEWHERE: [(&str, Partition); 3] = [
    (
        "cn-",
        Partition {
            id: "aws-cn",
            dns_suffix: "amazonaws.com.cn",
        },
    ),
    (
        "us-gov-",
        Partition {
            id: "aws-us-gov",
            dns_suffix: "amazonaws.com",
        },
    ),
    (
        "eusc-",
        Partition {
            id: "aws-eusc",
            dns_suffix: "amazonaws.eu",
        },
    ),
];

/// Returns the partition of `region`; a name it does not know is a commercial one.
pub fn partition_of_region(region: &str) -> Partition {
    ELSEWHERE
        .into_iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or(
            Partition {
                id: "aws",
                dns_suffix: "amazonaws.com",
            },
            |(_, partition)| partition,
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_a_region_tells_its_partition() {
        let id = |region| partition_of_region(region).id;
        assert_eq!(id("us-west-2"), "aws");
        assert_eq!(id("cn-northwest-1"), "aws-cn");
        assert_eq!(id("us-gov-east-1"), "aws-us-gov");
        assert_eq!(id("eusc-de-east-1"), "aws-eusc");
        assert_eq!(
            partition_of_region("cn-north-1").dns_suffix,
            "amazonaws.com.cn"
        );
    }
}
