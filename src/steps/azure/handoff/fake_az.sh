#!/usr/bin/env bash
# Stands in for the Azure CLI in a test: writes down its arguments, and knows nothing that it is asked
# for until it was made.
printf '[%s]\n' "$@" >>called
case "$*" in
  'account show '*) echo 11111111-1111-1111-1111-111111111111 ;;
  *' --query principalId '*) echo 33333333-3333-3333-3333-333333333333 ;;
  'identity show '* | 'storage account show '*)
    echo 'ERROR: (ResourceNotFound) The Resource was not found.' >&2
    exit 3
    ;;
esac
