import type { ChannelOptions } from '@grpc/grpc-js';
import { limits } from '@tinykv/base';

/** A peer that does not answer a ping for this long is gone. */
const keepalive = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
} as const;

const shared: ChannelOptions = {
  ...keepalive,
  'grpc.max_receive_message_length': limits.grpcMessageBytesMax,
  'grpc.max_send_message_length': limits.grpcMessageBytesMax,
  'grpc.enable_channelz': 0,
};

export const clientOptions: ChannelOptions = {
  ...shared,
  'grpc.keepalive_permit_without_calls': 1,
  // Retries are the callers' business: only they know what is safe to send twice.
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  'grpc.enable_http_proxy': 0,
  'grpc-node.flow_control_window': 4_194_304,
};

export const serverOptions: ChannelOptions = {
  ...shared,
  'grpc.max_concurrent_streams': limits.grpcConcurrentStreamsMax,
};
