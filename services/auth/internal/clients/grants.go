package clients

// The grants, by the names they have on the wire.
const (
	GrantPassword = "password"
	GrantRefresh  = "refresh_token"
	GrantClient   = "client_credentials"
	GrantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
)
