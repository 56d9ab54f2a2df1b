//! S3 as the SDK sees it.

use aws_credential_types::Credentials;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

use super::practice::{KEY, Practice, REGION, SECRET, refused, s3};

fn located(region: &str) -> CreateBucketConfiguration {
    CreateBucketConfiguration::builder()
        .location_constraint(BucketLocationConstraint::from(region))
        .build()
}

async fn create(s3: &aws_sdk_s3::Client, bucket: &str) {
    s3.create_bucket()
        .bucket(bucket)
        .create_bucket_configuration(located(REGION))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let practice = Practice::start().await;
    let s3 = practice.s3();
    create(&s3, "rok-a").await;
    let key = "dir/an object+ü&<.txt";
    let body = vec![b'x'; 100_000];
    s3.put_object()
        .bucket("rok-a")
        .key(key)
        .content_type("text/plain")
        .metadata("owner", "rok")
        .body(ByteStream::from(body.clone()))
        .send()
        .await
        .unwrap();
    let head = s3
        .head_object()
        .bucket("rok-a")
        .key(key)
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(100_000));
    assert_eq!(head.metadata().unwrap()["owner"], "rok");
    let get = s3
        .get_object()
        .bucket("rok-a")
        .key(key)
        .send()
        .await
        .unwrap();
    assert_eq!(get.content_type(), Some("text/plain"));
    assert_eq!(get.body.collect().await.unwrap().to_vec(), body);

    let versions = s3
        .list_object_versions()
        .bucket("rok-a")
        .send()
        .await
        .unwrap();
    let version = &versions.versions()[0];
    assert_eq!(
        (version.key(), version.version_id()),
        (Some(key), Some("null"))
    );
    assert_eq!(version.is_latest(), Some(true));

    let full = s3.delete_bucket().bucket("rok-a").send().await;
    assert_eq!(refused(full.unwrap_err()).code, "BucketNotEmpty");
    s3.delete_object()
        .bucket("rok-a")
        .key(key)
        .send()
        .await
        .unwrap();
    let gone = s3
        .get_object()
        .bucket("rok-a")
        .key(key)
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(gone).code, "NoSuchKey");
    s3.delete_bucket().bucket("rok-a").send().await.unwrap();
    let gone = s3.head_bucket().bucket("rok-a").send().await.unwrap_err();
    assert!(gone.as_service_error().unwrap().is_not_found());
}

#[tokio::test]
async fn a_streamed_upload_is_checked_chunk_by_chunk() {
    let practice = Practice::start().await;
    let s3 = practice.s3();
    create(&s3, "rok-a").await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("upload");
    let body: Vec<u8> = (0..200_000_u32)
        .map(|index| u8::try_from(index % 251).unwrap())
        .collect();
    std::fs::write(&file, &body).unwrap();
    let stream = ByteStream::from_path(&file).await.unwrap();
    s3.put_object()
        .bucket("rok-a")
        .key("k")
        .body(stream)
        .send()
        .await
        .unwrap();
    let get = s3
        .get_object()
        .bucket("rok-a")
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(get.body.collect().await.unwrap().to_vec(), body);
}

#[tokio::test]
async fn a_bucket_is_made_in_the_region_that_was_asked() {
    let practice = Practice::start().await;
    let west = practice.s3();
    let made = west
        .create_bucket()
        .bucket("rok-west")
        .create_bucket_configuration(located(REGION))
        .send()
        .await
        .unwrap();
    assert_eq!(made.location(), Some("http://rok-west.s3.amazonaws.com/"));
    let location = west
        .get_bucket_location()
        .bucket("rok-west")
        .send()
        .await
        .unwrap();
    assert_eq!(location.location_constraint().unwrap().as_str(), REGION);

    let unplaced = west
        .create_bucket()
        .bucket("rok-other")
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(unplaced).code, "IllegalLocationConstraintException");
    let elsewhere = west
        .create_bucket()
        .bucket("rok-other")
        .create_bucket_configuration(located("eu-west-1"));
    let elsewhere = refused(elsewhere.send().await.unwrap_err());
    assert_eq!(elsewhere.code, "IllegalLocationConstraintException");
    let again = west
        .create_bucket()
        .bucket("rok-west")
        .create_bucket_configuration(located(REGION));
    assert_eq!(
        refused(again.send().await.unwrap_err()).code,
        "BucketAlreadyOwnedByYou"
    );
    let odd = west
        .create_bucket()
        .bucket("Odd_Name")
        .create_bucket_configuration(located(REGION));
    assert_eq!(
        refused(odd.send().await.unwrap_err()).code,
        "InvalidBucketName"
    );

    let operator = Credentials::new(KEY, SECRET, None, None, "test");
    let east = s3(&practice.config_of(operator, "us-east-1"));
    let made = east
        .create_bucket()
        .bucket("rok-east")
        .send()
        .await
        .unwrap();
    assert_eq!(made.location(), Some("/rok-east"));
    east.create_bucket()
        .bucket("rok-east")
        .send()
        .await
        .unwrap();
    let wrong = east
        .list_object_versions()
        .bucket("rok-west")
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(wrong).code, "AuthorizationHeaderMalformed");
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let practice = Practice::start().await;
    let s3 = practice.s3();
    for bucket in ["rok-a", "rok-b", "unrelated"] {
        create(&s3, bucket).await;
    }
    let buckets = s3.list_buckets().prefix("rok-").send().await.unwrap();
    let names: Vec<_> = buckets
        .buckets()
        .iter()
        .filter_map(|bucket| bucket.name())
        .collect();
    assert_eq!(names, ["rok-a", "rok-b"]);
    let in_pages = s3.list_buckets().max_buckets(2).into_paginator().send();
    let pages: Vec<_> = in_pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(
        pages
            .iter()
            .map(|page| page.buckets().len())
            .collect::<Vec<_>>(),
        [2, 1]
    );

    for key in ["a/1", "a/2", "b", "c/3", "d"] {
        let body = ByteStream::from_static(b"1");
        s3.put_object()
            .bucket("rok-a")
            .key(key)
            .body(body)
            .send()
            .await
            .unwrap();
    }
    let list = s3
        .list_objects_v2()
        .bucket("rok-a")
        .delimiter("/")
        .max_keys(2);
    let pages = list
        .into_paginator()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .unwrap();
    let keys: Vec<_> = pages
        .iter()
        .flat_map(aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output::contents)
        .filter_map(|one| one.key())
        .collect();
    assert_eq!(keys, ["b", "d"]);
    let common: Vec<_> = pages
        .iter()
        .flat_map(aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output::common_prefixes)
        .filter_map(|one| one.prefix())
        .collect();
    assert_eq!(common, ["a/", "c/"]);

    let first = s3
        .list_object_versions()
        .bucket("rok-a")
        .max_keys(3)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (first.versions().len(), first.next_key_marker()),
        (3, Some("b"))
    );
    let rest = s3
        .list_object_versions()
        .bucket("rok-a")
        .key_marker("b")
        .send()
        .await
        .unwrap();
    assert_eq!(rest.versions().len(), 2);
}

#[tokio::test]
async fn what_is_not_known_is_not_implemented() {
    let practice = Practice::start().await;
    let s3 = practice.s3();
    create(&s3, "rok-a").await;
    let tagging = s3
        .get_bucket_tagging()
        .bucket("rok-a")
        .send()
        .await
        .unwrap_err();
    let tagging = refused(tagging);
    assert_eq!(
        (tagging.code.as_str(), tagging.status),
        ("NotImplemented", 501)
    );
    let groups = practice.iam().list_groups().send().await.unwrap_err();
    let groups = refused(groups);
    assert_eq!(
        (groups.code.as_str(), groups.status),
        ("InvalidAction", 400)
    );
    let addons = practice
        .eks()
        .list_addons()
        .cluster_name("c")
        .send()
        .await
        .unwrap_err();
    let addons = refused(addons);
    assert_eq!(
        (addons.code.as_str(), addons.status),
        ("UnknownOperationException", 404)
    );
}

#[tokio::test]
async fn a_presigned_url_needs_no_header_and_ends() {
    use crate::sandbox::aws::caller::authenticate;
    use crate::sandbox::aws::service::Service;
    use crate::sandbox::aws::sigv4::Signed;

    let practice = Practice::start().await;
    let lifetime =
        aws_sdk_s3::presigning::PresigningConfig::expires_in(std::time::Duration::from_mins(1));
    let request = practice.s3().get_object().bucket("rok-a").key("a b/ü+");
    let request = request.presigned(lifetime.unwrap()).await.unwrap();
    let (mut parts, _) = request.make_http_1x_request("").into_parts();
    let host = parts.uri.authority().unwrap().as_str().parse().unwrap();
    parts.headers.insert("host", host);
    let signed = Signed::read(&parts).unwrap().unwrap();
    let at = |seconds: i64| {
        let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        let state = practice.server.state();
        state.read(|state| authenticate(state, Service::S3, &parts, b"", &signed, now))
    };
    assert_eq!(
        at(0).unwrap().arn,
        "arn:aws:iam::123451234512:user/operator"
    );
    assert_eq!(at(120).unwrap_err().message, "Request has expired");
}
