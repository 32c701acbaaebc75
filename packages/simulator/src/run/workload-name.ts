export const workloadNames = ['raw', 'txn', 'redis', 'churn', 'all'] as const;
export type WorkloadName = (typeof workloadNames)[number];
