#!/usr/bin/env bash
# Stands in for the AWS CLI in a test: writes down its arguments, and knows nothing that it is asked
# for until it was made.
printf '[%s]\n' "$@" >>called
case "$*" in
  *get-caller-identity*) printf '123451234512\tarn:aws:iam::123451234512:user/admin\n' ;;
  *' get-'*)
    echo 'An error occurred (NoSuchEntity) when calling the operation' >&2
    exit 254
    ;;
esac
