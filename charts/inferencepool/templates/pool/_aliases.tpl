{{- /* Those aliases, comma-separated, that no model server serves itself: only the EPP rewrites them. */}}
{{- define "inferencepool.rewrittenOnly" -}}
{{- $served := list .Values.model.name }}
{{- range .Values.lora.adapters }}
  {{- $served = append $served .id }}
{{- end }}
{{- $names := list }}
{{- range .Values.aliases }}
  {{- $names = ternary $names (append $names .model) (has .model $served) }}
{{- end }}
{{- join ", " $names }}
{{- end }}

{{- /* Names that every pod of the pool has to serve, as a JSON list: lora.adapters and, unless a request loads them,
       the targets of aliases. */}}
{{- define "inferencepool.expectedModels" -}}
{{- $names := list }}
{{- range .Values.lora.adapters }}
  {{- $names = append $names .id }}
{{- end }}
{{- range ternary list .Values.aliases (eq (include "inferencepool.loraMode" .) "resolver") }}
  {{- range .targets }}
    {{- $names = append $names .model }}
  {{- end }}
{{- end }}
{{- $names | uniq | sortAlpha | toJson }}
{{- end }}

{{- /* The aliases as the EPP has to rewrite them, as a JSON list: targets by the names that the servers know, and one
       alias more for each adapter that they know by another name than its own. */}}
{{- define "inferencepool.rewrites" -}}
{{- $aliases := list }}
{{- $models := list }}
{{- range .Values.aliases }}
  {{- $targets := list }}
  {{- range .targets }}
    {{- $name := include "inferencepool.servedName" (dict "root" $ "model" .model) }}
    {{- $targets = append $targets (merge (dict "model" $name) .) }}
  {{- end }}
  {{- $models = append $models .model }}
  {{- $aliases = append $aliases (merge (dict "targets" $targets) .) }}
{{- end }}
{{- range .Values.lora.adapters }}
  {{- $name := include "inferencepool.servedName" (dict "root" $ "model" .id) }}
  {{- if and (ne $name .id) (not (has .id $models)) }}
    {{- $aliases = append $aliases (dict "model" .id "targets" (list (dict "model" $name))) }}
  {{- end }}
{{- end }}
{{- toJson $aliases }}
{{- end }}

{{- /* Targets of an alias as an InferenceModel lists them, as YAML. */}}
{{- define "inferencepool.targetModels" -}}
{{- range .targets }}
- name: {{ .model | quote }}
  {{- with .weight }}
  weight: {{ . | int }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* The aliases as the rules of an InferenceModelRewrite, as YAML. */}}
{{- define "inferencepool.rewriteRules" -}}
{{- range include "inferencepool.rewrites" . | fromJsonArray }}
- matches:
    - model:
        type: Exact
        value: {{ .model | quote }}
  targets:
    {{- range .targets }}
    - modelRewrite: {{ .model | quote }}
      weight: {{ .weight | default 1 | int }}
    {{- end }}
{{- end }}
{{- end }}
