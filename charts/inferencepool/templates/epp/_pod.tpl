{{- /* Pod template of the EPP, from epp. */}}
{{- define "inferencepool.eppPod" -}}
{{- $epp := include "inferencepool.epp" . | fromJson }}
{{- $own := include "inferencepool.ownLabels" (dict "root" . "component" "epp") | fromJson -}}
metadata:
  labels:
    {{- merge (dict) .Values.adopt.epp.selector $own | toYaml | nindent 4 }}
    {{- with .Values.epp.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/plugins: {{ include "inferencepool.plugins" . | sha256sum }}
    {{- with .Values.epp.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "inferencepool.pullSecrets" . | nindent 2 }}
  {{- $placement := pick .Values.epp "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
  {{- with include "inferencepool.withoutEmpty" $placement }}
  {{- . | nindent 2 }}
  {{- end }}
  serviceAccountName: {{ include "inferencepool.eppName" . | quote }}
  terminationGracePeriodSeconds: {{ .Values.epp.terminationGracePeriodSeconds }}
  securityContext:
    {{- $pod := include "inferencepool.restrictedPod" . | fromYaml }}
    {{- include "inferencepool.over" (dict "own" $pod "given" .Values.epp.podSecurityContext) | nindent 4 }}
  containers:
    - name: epp
      image: {{ include "inferencepool.eppImage" . | quote }}
      imagePullPolicy: {{ .Values.epp.image.pullPolicy }}
      args:
        {{- include "inferencepool.eppArgs" . | fromJsonArray | toYaml | nindent 8 }}
      env:
        - name: NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- with .Values.epp.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: grpc
          containerPort: 9002
        - name: grpc-health
          containerPort: 9003
        - name: metrics
          containerPort: 9090
      livenessProbe:
        grpc:
          port: 9003
          service: {{ $epp.healthServices.liveness }}
        initialDelaySeconds: 5
        periodSeconds: 10
      readinessProbe:
        grpc:
          port: 9003
          service: {{ $epp.healthServices.readiness }}
        periodSeconds: 2
      {{- if and (eq (int .Values.epp.replicas) 1) (not $epp.finishesStreams) }}
      # The EPP gets no new requests, but its ext-proc streams stay open until the responses that it routed have ended.
      # Only with one replica: with several, no other can lead before this one exits.
      lifecycle:
        preStop:
          sleep:
            seconds: {{ include "inferencepool.eppPreStopSeconds" . }}
      {{- end }}
      securityContext:
        {{- $container := include "inferencepool.restricted" . | fromYaml }}
        {{- include "inferencepool.over" (dict "own" $container "given" .Values.epp.securityContext) | nindent 8 }}
      resources:
        {{- toYaml .Values.epp.resources | nindent 8 }}
      volumeMounts:
        - name: plugins
          mountPath: /config
    {{- with .Values.epp.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: plugins
      configMap:
        name: {{ include "inferencepool.pluginsName" . | quote }}
    {{- with .Values.epp.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- /* Seconds for which an EPP that is being deleted still takes requests: until no gateway sends it any. */}}
{{- define "inferencepool.eppDrainSeconds" -}}
5
{{- end }}

{{- /* Seconds between an EPP's deletion and its SIGTERM, from epp.terminationGracePeriodSeconds: after SIGTERM it
       takes at most 30 s. */}}
{{- define "inferencepool.eppPreStopSeconds" -}}
{{- max (include "inferencepool.eppDrainSeconds" .) (sub .Values.epp.terminationGracePeriodSeconds 30) }}
{{- end }}
