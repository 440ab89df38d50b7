/**
 * The settings of a small test broker: it is controller and broker at once, keeps every internal topic in one
 * partition, and lets a group start without waiting for more members.
 *
 *     PLAINTEXT   whoever connects here may do everything
 *     SASL_SSL    PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512; access lists hold
 *     MUTUAL      TLS with a client certificate, whose common name is the user
 *     PROXIED     plaintext, but announced at another port, where a proxy listens
 */
import type { Certificates } from './certificates.ts'

export interface NodePlan {
  readonly id: number
  readonly directory: string
  readonly plaintext: number
  readonly controller: number
  readonly sasl: number
  readonly mutual: number
  /** Where the broker listens for the proxy, and what it tells clients. */
  readonly proxied: { readonly listens: number; readonly announced: number }
}

export interface ClusterPlan {
  readonly nodes: readonly NodePlan[]
  readonly certificates: Certificates | undefined
  readonly isProxied: boolean
  readonly settings: Readonly<Record<string, string>>
}

/** Everybody's password is the name and `-secret`. */
export const USERS = ['admin', 'alice'] as const

export function propertiesText(plan: ClusterPlan, node: NodePlan): string {
  const settings = {
    ...basics(plan, node),
    ...replication(plan.nodes.length),
    ...smallness,
    ...(plan.certificates === undefined ? {} : security(plan.certificates)),
    ...plan.settings,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function basics(plan: ClusterPlan, node: NodePlan): Record<string, string> {
  const isSecure = plan.certificates !== undefined
  const listeners = [
    { name: 'PLAINTEXT', port: node.plaintext, announced: `127.0.0.1:${node.plaintext}` },
    ...(isSecure
      ? [
          { name: 'SASL_SSL', port: node.sasl, announced: `localhost:${node.sasl}` },
          { name: 'MUTUAL', port: node.mutual, announced: `localhost:${node.mutual}` },
        ]
      : []),
    ...(plan.isProxied
      ? [
          {
            name: 'PROXIED',
            port: node.proxied.listens,
            announced: `127.0.0.1:${node.proxied.announced}`,
          },
        ]
      : []),
  ]
  const listens = listeners.map(({ name, port }) => `${name}://127.0.0.1:${port}`)
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': plan.nodes
      .map(({ id, controller }) => `${id}@127.0.0.1:${controller}`)
      .join(','),
    'controller.listener.names': 'CONTROLLER',
    listeners: [...listens, `CONTROLLER://127.0.0.1:${node.controller}`].join(','),
    'advertised.listeners': listeners
      .map(({ name, announced }) => `${name}://${announced}`)
      .join(','),
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,SASL_SSL:SASL_SSL,MUTUAL:SSL',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': `${node.directory}/data`,
  }
}

function replication(brokers: number): Record<string, string> {
  const replicas = String(brokers)
  const inSync = String(Math.ceil(brokers / 2))
  return {
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '1',
  }
}

const smallness = {
  'group.initial.rebalance.delay.ms': '0',
  'auto.create.topics.enable': 'false',
  'log.cleaner.dedupe.buffer.size': String(16 << 20),
  'broker.session.timeout.ms': '1000',
  'broker.heartbeat.interval.ms': '200',
  'num.network.threads': '2',
  'num.io.threads': '2',
}

function security({ bundle, ca }: Certificates): Record<string, string> {
  const modules = 'org.apache.kafka.common.security'
  const scram = `${modules}.scram.ScramLoginModule required;`
  const plainUsers = USERS.map((user) => `user_${user}="${user}-secret"`).join(' ')
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required ${plainUsers};`,
    'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': scram,
    'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.mutual.ssl.principal.mapping.rules': 'RULE:^CN=(.*)$/$1/,DEFAULT',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': bundle,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': ca,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:admin;User:ANONYMOUS',
  }
}
