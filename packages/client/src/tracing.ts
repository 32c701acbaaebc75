import {
  type Attributes,
  ProxyTracerProvider,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { errorMessage, type RegionId } from '@tinykv/base';

const LIBRARY = '@tinykv/client';

/** Undefined while nobody has registered a provider: then a span costs a look at a global. */
export function activeTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer(LIBRARY)
    : provider.getTracer(LIBRARY);
}

/** Runs `work` in a span, in which the spans of what it calls lie. */
export function traced<T>(name: string, work: (span?: Span) => Promise<T>): Promise<T> {
  const tracer = activeTracer();
  if (tracer === undefined) return work();
  return tracer.startActiveSpan(name, (span) => ended(span, work(span)));
}

/** By OpenTelemetry's conventions for calls. */
export function requestAttributes(
  { service, name }: { readonly service: string; readonly name: string },
  regionId: RegionId,
  address: string,
): Attributes {
  return {
    'rpc.system.name': 'grpc',
    'rpc.method': `${service}/${name}`,
    'server.address': address,
    'tinykv.region': regionId,
  };
}

/** A span for a request that is under way. */
export function tracedRequest<T>(
  tracer: Tracer,
  name: string,
  attributes: Attributes,
  request: Promise<T>,
): Promise<T> {
  return ended(tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }), request);
}

async function ended<T>(span: Span, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: errorMessage(error) });
    throw error;
  } finally {
    span.end();
  }
}
