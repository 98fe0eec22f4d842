{{- /*
Cohorts: requests with an id are split by its last three hex digits, 4096 buckets. The new pool gets the ids below a
bucket that only grows with its weight, so an id that has moved stays moved. Two rules before the weighted one do it:
one for the ids that stay and one for those that have moved. No id fits both. The rule of those that stay comes first:
a gateway that takes any value for a match of a regular expression then moves nobody.
*/}}

{{- /* The rules of a `rule` for requests with an id, as a JSON list; empty without `cohort.header`. */}}
{{- define "rollout-route.cohortRules" -}}
{{- $header := .root.Values.cohort.header }}
{{- $rules := list }}
{{- if $header }}
  {{- include "rollout-route.checkCohort" . }}
  {{- $percents := include "rollout-route.percents" .root | fromJson }}
  {{- $end := include "rollout-route.cohortEnd" (get $percents (last .root.Values.backends).name) | int }}
  {{- $patterns := list (include "rollout-route.idsFrom" $end) (include "rollout-route.idsBelow" $end) }}
  {{- range $index, $backend := .root.Values.backends }}
    {{- $arguments := merge (dict "backend" $backend "header" $header "ids" (index $patterns $index)) $ }}
    {{- $rules = concat $rules (include "rollout-route.cohortRule" $arguments | fromJsonArray) }}
  {{- end }}
{{- end }}
{{- toJson $rules }}
{{- end }}

{{- /* The rule of the ids that end as the pattern `ids` says, to a `backend`, as a JSON list; empty if none do. */}}
{{- define "rollout-route.cohortRule" -}}
{{- $rules := list }}
{{- with .ids }}
  {{- $name := printf "%s.cohort-%s" $.rule.name $.backend.name }}
  {{- $ref := include "rollout-route.backendRef" (dict "root" $.root "backend" $.backend "weight" 1) | fromJson }}
  {{- $ids := dict "type" "RegularExpression" "name" $.header "value" (printf "^.*(%s)$" .) }}
  {{- $arguments := dict "root" $.root "rule" $.rule "name" $name "backendRefs" (list $ref) "mirror" true }}
  {{- $rules = list (include "rollout-route.rule" (set $arguments "headers" (list $ids)) | fromJson) }}
{{- end }}
{{- toJson $rules }}
{{- end }}

{{- /* Fails if ids cannot decide who moves. */}}
{{- define "rollout-route.checkCohort" -}}
{{- $values := .root.Values }}
{{- if ne (len $values.backends) 2 }}
  {{- fail (printf "cohort: ids move from one pool to another, and backends has %d: name two, or leave cohort.header empty" (len $values.backends)) }}
{{- end }}
{{- if default $values.sessionPersistence .rule.sessionPersistence }}
  {{- fail (printf "cohort: rule %s has sessionPersistence, which keeps a client on the pool that it met first, wherever its id moves: leave one of the two out" .rule.name) }}
{{- end }}
{{- end }}

{{- /* The first of the 4096 buckets that has not moved at a percent: 4096 times the percent, rounded. */}}
{{- define "rollout-route.cohortEnd" -}}
{{- div (add (mul 4096 (int .)) 50) 100 }}
{{- end }}

{{- /* The last three hex digits of the ids below a bucket, as a regular expression; empty for bucket 0. */}}
{{- define "rollout-route.idsBelow" -}}
{{- $first := div . 256 | int }}
{{- $second := mod (div . 16) 16 | int }}
{{- $third := mod . 16 | int }}
{{- $any := "[0-9a-fA-F]" }}
{{- $parts := list
  (include "rollout-route.digits" (dict "from" 0 "to" $first "before" list "after" (print $any $any)))
  (include "rollout-route.digits" (dict "from" 0 "to" $second "before" (list $first) "after" $any))
  (include "rollout-route.digits" (dict "from" 0 "to" $third "before" (list $first $second) "after" ""))
}}
{{- compact $parts | join "|" }}
{{- end }}

{{- /* Those of the ids from a bucket on; empty for bucket 4096. */}}
{{- define "rollout-route.idsFrom" -}}
{{- $first := div . 256 | int }}
{{- $second := mod (div . 16) 16 | int }}
{{- $third := mod . 16 | int }}
{{- $any := "[0-9a-fA-F]" }}
{{- $parts := list
  (include "rollout-route.digits" (dict "from" (add1 $first) "to" 16 "before" list "after" (print $any $any)))
  (include "rollout-route.digits" (dict "from" (add1 $second) "to" 16 "before" (list $first) "after" $any))
  (include "rollout-route.digits" (dict "from" $third "to" 16 "before" (list $first $second) "after" ""))
}}
{{- ternary (compact $parts | join "|") "" (lt $first 16) }}
{{- end }}

{{- /* A regular expression: the digits `before` (a list of numbers), one of those `from` .. `to` - 1, and what comes
       `after`; empty if there is no such digit. Letters count in both cases. */}}
{{- define "rollout-route.digits" -}}
{{- $hex := "0123456789abcdef" }}
{{- if lt (int .from) (int .to) }}
  {{- range .before }}
    {{- include "rollout-route.digits" (dict "from" . "to" (add1 .) "after" "") }}
  {{- end }}
  {{- $digits := substr (int .from) (int .to) $hex }}
  {{- printf "[%s%s]%s" $digits (regexFind "[a-f]*$" $digits | upper) .after }}
{{- end }}
{{- end }}
