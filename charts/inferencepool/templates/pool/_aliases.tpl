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
{{- range ternary list .Values.aliases (eq .Values.lora.mode "resolver") }}
  {{- range .targets }}
    {{- $names = append $names .model }}
  {{- end }}
{{- end }}
{{- $names | uniq | sortAlpha | toJson }}
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
{{- range .Values.aliases }}
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
