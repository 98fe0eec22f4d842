{{- /*
Permissions: guards.force, guards.allowChanges and guards.drift allow one revision what a guard refuses. Helm hands
values of the last revision on (--reuse-values, --reset-then-reuse-values), and no template can tell them from new ones.
So the plain word (true, overwrite) counts only if the last revision did not have it, and the bound form (true-7,
overwrite-7) only while the live route is of that metadata.generation. Refusals print the bound form.
*/}}

{{- /* "true" if the permission `name` of `guards` is in force for this revision of the `live` route. */}}
{{- define "rollout-route.permits" -}}
{{- $value := get .root.Values.guards .name | toString }}
{{- $last := dig "guards" .name "" (default dict .live.asked.values) | toString }}
{{- $bound := printf "%s-%d" (include "rollout-route.permissionWord" .name) (int .live.generation) }}
{{- $isNew := and (eq $value (include "rollout-route.permissionWord" .name)) (ne $value $last) }}
{{- or $isNew (eq $value $bound) | ternary "true" "" }}
{{- end }}

{{- /* The plain word that gives the permission of that name. */}}
{{- define "rollout-route.permissionWord" -}}
{{- eq . "drift" | ternary "overwrite" "true" }}
{{- end }}

{{- /* The flag that gives the permission `name` for the `live` route as it is now, and for no later one. */}}
{{- define "rollout-route.permission" -}}
{{- printf "--set guards.%s=%s-%d" .name (include "rollout-route.permissionWord" .name) (int .live.generation) }}
{{- end }}

{{- /* Why the permission `name` that the values have is not in force, as a line; empty if they have none. */}}
{{- define "rollout-route.spent" -}}
{{- $value := get .root.Values.guards .name | toString }}
{{- if hasPrefix (include "rollout-route.permissionWord" .name) $value }}
  {{- $bound := "it is bound to another generation of the live route" }}
  {{- $kept := "the last revision had it, and a permission counts for one revision" }}
  {{- $cause := contains "-" $value | ternary $bound $kept }}
  {{- printf "guards.%s=%s is not in force: %s.\n" .name $value $cause }}
{{- end }}
{{- end }}
