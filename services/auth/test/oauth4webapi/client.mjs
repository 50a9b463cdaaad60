// Walks through discovery, client credentials, a password sign-in, refresh,
// introspection and revocation with oauth4webapi, which refuses whatever does not
// follow the standards to the letter.
import * as oauth from 'oauth4webapi'
import assert from 'node:assert/strict'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, USERNAME, PASSWORD, AUDIENCE } = process.env
const issuer = new URL(ISSUER)
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }))
const client = { client_id: CLIENT_ID }

for (const secret of [oauth.ClientSecretBasic(CLIENT_SECRET), oauth.ClientSecretPost(CLIENT_SECRET)]) {
  const own = await oauth.processClientCredentialsResponse(
    server, client, await oauth.clientCredentialsGrantRequest(server, client, secret, { scope: 'resources:read' }))
  assert.equal(own.token_type, 'bearer')
  assert.equal(own.scope, 'resources:read')
  assert.equal(own.refresh_token, undefined)

  // The token is one of RFC 9068, under a key of the server's JWKS.
  const claims = await oauth.validateJwtAccessToken(
    server, new Request('https://api.example/', { headers: { authorization: `Bearer ${own.access_token}` } }), AUDIENCE)
  assert.equal(claims.client_id, CLIENT_ID)

  const signIn = await oauth.processGenericTokenEndpointResponse(server, client,
    await oauth.genericTokenEndpointRequest(server, client, secret, 'password', { username: USERNAME, password: PASSWORD }))
  const renewed = await oauth.processRefreshTokenResponse(
    server, client, await oauth.refreshTokenGrantRequest(server, client, secret, signIn.refresh_token))
  assert.notEqual(renewed.refresh_token, signIn.refresh_token)
  assert.notEqual(renewed.access_token, signIn.access_token)

  const look = async (token) => oauth.processIntrospectionResponse(
    server, client, await oauth.introspectionRequest(server, client, secret, token))
  for (const token of [renewed.access_token, renewed.refresh_token]) {
    const seen = await look(token)
    assert.equal(seen.active, true)
    assert.equal(seen.client_id, CLIENT_ID)
  }
  await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, secret, renewed.refresh_token))
  for (const token of [signIn.access_token, renewed.access_token, renewed.refresh_token]) {
    assert.deepEqual(await look(token), { active: false })
  }
  await assert.rejects(
    async () => oauth.processRefreshTokenResponse(
      server, client, await oauth.refreshTokenGrantRequest(server, client, secret, renewed.refresh_token)),
    (err) => err instanceof oauth.ResponseBodyError && err.error === 'invalid_grant')
}
await assert.rejects(
  async () => oauth.processClientCredentialsResponse(
    server, client, await oauth.clientCredentialsGrantRequest(server, client, oauth.ClientSecretBasic('wrong'), {})),
  (err) => err instanceof oauth.WWWAuthenticateChallengeError || err.error === 'invalid_client')
console.log('the standard client is content')
