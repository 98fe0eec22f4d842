{{- /* Image of the syncer: lora.syncer.image, its tag the chart's appVersion if empty, whose + no tag can have. */}}
{{- define "inferencepool.syncerImage" -}}
{{- $preset := dict "tag" (replace "+" "_" .Chart.AppVersion) }}
{{- include "inferencepool.image" (dict "root" . "image" .Values.lora.syncer.image "preset" $preset) }}
{{- end }}

{{- /* The syncer's container, a native sidecar, from lora.syncer. Its folder is no subPath: those don't follow
       changes. */}}
{{- define "inferencepool.syncer" -}}
- name: lora-syncer
  image: {{ include "inferencepool.syncerImage" . | quote }}
  imagePullPolicy: {{ .Values.lora.syncer.image.pullPolicy }}
  restartPolicy: Always
  env:
    - name: DYNAMIC_LORA_ROLLOUT_CONFIG
      value: /config/configmap.yaml
    - name: LORA_SYNCER_MAX_ADAPTERS
      value: {{ .Values.lora.maxCpuLoras | quote }}
    {{- with include "inferencepool.apiKeyEnv" . }}
    {{- . | nindent 4 }}
    {{- end }}
  ports:
    - name: syncer
      containerPort: 8080
  {{- if .Values.lora.syncer.gatesReadiness }}
  readinessProbe:
    httpGet:
      path: /readyz
      port: syncer
    {{- include "inferencepool.probeTimes" (dict "root" . "probe" "readinessProbe") | nindent 4 }}
  {{- end }}
  livenessProbe:
    httpGet:
      path: /healthz
      port: syncer
    periodSeconds: 5
  securityContext:
    {{- $user := include "inferencepool.restrictedPod" . | fromYaml }}
    {{- $own := include "inferencepool.restricted" . | fromYaml | merge $user }}
    {{- include "inferencepool.over" (dict "own" $own "given" .Values.lora.syncer.securityContext) | nindent 4 }}
  resources:
    {{- toYaml .Values.lora.syncer.resources | nindent 4 }}
  volumeMounts:
    - name: adapters-config
      mountPath: /config
    - name: adapters
      mountPath: /adapters
{{- end }}
