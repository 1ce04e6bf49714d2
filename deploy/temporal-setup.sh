#!/bin/sh
# Creates the namespace and registers the search attributes of the action workflow. Safe to run again.
set -eu
: "${TEMPORAL_ADDRESS:?}" "${TEMPORAL_NAMESPACE:?}"
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "${TEMPORAL_RETENTION:-720h}"
# A new namespace takes some seconds to reach every part of the server.
tries=0
until known=$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" 2>/dev/null); do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || { echo "namespace $TEMPORAL_NAMESPACE does not answer" >&2; exit 1; }
  sleep 1
done
for pair in CountersignStatus:Keyword CountersignAction:Keyword CountersignResource:Keyword \
  CountersignRequester:Keyword CountersignApprover:KeywordList CountersignRisk:Int; do
  name=${pair%%:*}
  case $known in
    *"$name"*) ;;
    *) temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type "${pair##*:}" ;;
  esac
done
