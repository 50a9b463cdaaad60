// oidc-provider as it comes: one client, client_credentials, opaque tokens in its
// memory, plain HTTP behind a proxy that is trusted.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { HTTP_ADDR, CLIENT_ID, CLIENT_SECRET } = process.env;
const provider = new Provider('https://auth.example', {
  clients: [{
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  }],
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
});
provider.proxy = true;
const [host, port] = HTTP_ADDR.split(':');
createServer(provider.callback()).listen(Number(port), host);
