export type OauthClientInput = { clientId: string | null, hasSecret: boolean, secret?: string, };
