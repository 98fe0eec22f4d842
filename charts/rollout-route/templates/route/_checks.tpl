{{- /*
What the API server would refuse after Helm has recorded a revision, which then stands in the history as failed, and
what it takes although no request can ever match. Each is refused at render by the value that causes it.
*/}}

{{- /* Fails if a full `match` of the rule `name` can match no request or the API server refuses its path. */}}
{{- define "rollout-route.checkMatch" -}}
{{- $names := list }}
{{- range .match.headers }}
  {{- if has (lower .name) $names }}
    {{- fail (printf "rules: %s matches the header %s twice (names are compared without case), beside modelHeader, canary and cohort: no request can match; name each header once" $.name .name) }}
  {{- end }}
  {{- $names = append $names (lower .name) }}
{{- end }}
{{- $where := printf "rules: a match of %s, in its queryParams," .name }}
{{- include "rollout-route.checkNamed" (dict "where" $where "entries" .match.queryParams) }}
{{- $path := .match.path }}
{{- $isPath := regexMatch "^(/([-A-Za-z0-9._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+)*/?$" $path.value }}
{{- $isOdd := regexMatch "(?i)%2f|/[.]{1,2}(/|$)" $path.value }}
{{- if and (ne $path.type "RegularExpression") (or (not $isPath) $isOdd) }}
  {{- fail (printf "rules: the path %q of %s is no path of a URL; begin it with a slash, without //, /./, /../, %%2f, # and spaces" $path.value .name) }}
{{- end }}
{{- end }}

{{- /* Fails if a list of rules has more matches than an HTTPRoute holds. */}}
{{- define "rollout-route.checkMatches" -}}
{{- $sum := 0 }}
{{- range . }}
  {{- $sum = add $sum (len .matches) }}
  {{- if gt (len .matches) 64 }}
    {{- fail (printf "rules: %s makes %d matches, and a rule has room for 64: a match for each path and each of models; give the rule fewer models, or matches with fewer paths" .name (len .matches)) }}
  {{- end }}
{{- end }}
{{- if gt (int $sum) 128 }}
  {{- fail (printf "rules: with canary and cohort they make %d matches, and an HTTPRoute has room for 128: shorten paths, or use another release for some rules" $sum) }}
{{- end }}
{{- end }}

{{- /* Fails if the `timeouts` of a rule give one try more time than the whole exchange has. */}}
{{- define "rollout-route.checkTimeouts" -}}
{{- $timeouts := default dict .timeouts }}
{{- if and $timeouts.request $timeouts.backendRequest }}
  {{- $whole := include "rollout-route.milliseconds" $timeouts.request | int64 }}
  {{- if and $whole (gt (include "rollout-route.milliseconds" $timeouts.backendRequest | int64) $whole) }}
    {{- fail (printf "timeouts: backendRequest (%s) is longer than request (%s) in %s; one try cannot take longer than all of them: shorten it" $timeouts.backendRequest $timeouts.request .name) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Milliseconds of a Gateway API duration such as 1h30m. */}}
{{- define "rollout-route.milliseconds" -}}
{{- $units := dict "h" 3600000 "m" 60000 "s" 1000 "ms" 1 }}
{{- $sum := 0 }}
{{- range regexFindAll "[0-9]+(ms|h|m|s)" . -1 }}
  {{- $sum = add $sum (mul (regexFind "[0-9]+" . | atoi) (get $units (regexFind "[a-z]+" .))) }}
{{- end }}
{{- $sum }}
{{- end }}

{{- /* Fails if header changes of a `rule`, or of all, touch the header that marks answers with their pool. */}}
{{- define "rollout-route.checkPoolHeader" -}}
{{- $changes := default .root.Values.responseHeaders .rule.responseHeaders }}
{{- $names := list }}
{{- range concat (default list $changes.set) (default list $changes.add) }}
  {{- $names = append $names (lower .name) }}
{{- end }}
{{- range $changes.remove }}
  {{- $names = append $names (lower .) }}
{{- end }}
{{- if has (lower .root.Values.poolHeader) $names }}
  {{- fail (printf "responseHeaders of rule %s: %s is the poolHeader, which marks answers with their pool; name another poolHeader, or empty it" .rule.name .root.Values.poolHeader) }}
{{- end }}
{{- end }}

{{- /* Fails if the header `changes` of the value `list`, of the rule `name`, name one twice. */}}
{{- define "rollout-route.checkHeaders" -}}
{{- range $kind := list "set" "add" }}
  {{- $where := printf "%s.%s of rule %s" $.list $kind $.name }}
  {{- include "rollout-route.checkNamed" (dict "where" $where "entries" (get $.changes $kind)) }}
{{- end }}
{{- end }}

{{- /* Fails if two of the `entries` of a list have the same name; `where` is the list, in words. */}}
{{- define "rollout-route.checkNamed" -}}
{{- $names := list }}
{{- range .entries | default list }}
  {{- if has .name $names }}
    {{- fail (printf "%s names %s twice; name it once" $.where .name) }}
  {{- end }}
  {{- $names = append $names .name }}
{{- end }}
{{- end }}

{{- /* Fails if parentRefs names one twice, or of several of one Gateway one does not say which listener it means. */}}
{{- define "rollout-route.checkParents" -}}
{{- $parents := list }}
{{- $full := list }}
{{- range . }}
  {{- if has . $full }}
    {{- fail (printf "parentRefs names the Gateway %s twice alike; leave one out" .name) }}
  {{- end }}
  {{- $full = append $full . }}
  {{- $parents = append $parents (pick . "namespace" "name") }}
{{- end }}
{{- range . }}
  {{- $others := without $parents (pick . "namespace" "name") }}
  {{- if and (lt (len $others) (sub (len $parents) 1 | int)) (not (or .sectionName .port)) }}
    {{- fail (printf "parentRefs refers to the Gateway %s several times, and once to all of its listeners; give each its sectionName, or leave the others out" .name) }}
  {{- end }}
{{- end }}
{{- end }}
