{{- /*
How the helpers of this chart work. A helper is a named template: it takes one argument and returns text. The comment
above it says what it returns and from which values. It stands in the folder of the objects that it serves, or here if
several folders need it.

Argument and scope. Most helpers take the root, which holds Values, Release, Chart, Capabilities and Files. A helper
that needs more takes a dict with the root as `root`. Inside `range` and `with` the dot is something else, and `$` is
still the argument of the helper:

    {{ include "inferencepool.selector" (dict "root" . "component" "epp") }}

Result. A template can only return text. So a helper that stands for a map returns it as JSON, one that stands for a
list as a JSON list, and the caller parses it. Together that is a function call:

    {{- $epp := include "inferencepool.epp" . | fromJson }}
    {{- range include "inferencepool.expectedModels" . | fromJsonArray }}

Cache. Many objects need the same preset. Helm has no variable that outlives a helper, but every template of a render
gets the same root, so `inferencepool.cached` keeps the text of a helper there: the first call parses the preset's
file, later calls do not.
*/}}

{{- /* Returns the helper `of`, called with `root`, and caches it on `root` for this render. */}}
{{- define "inferencepool.cached" -}}
{{- $cache := get .root "cache" | default dict }}
{{- if not (hasKey $cache .of) }}
  {{- $_ := set $cache .of (include .of .root) }}
  {{- $_ := set .root "cache" $cache }}
{{- end }}
{{- get $cache .of }}
{{- end }}
