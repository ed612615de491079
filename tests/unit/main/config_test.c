#include "compile.h"

#include <unistd.h>

struct bad {
	const char *text;
	const char *want[3]; /* what must stand in the report */
};

static const struct bad structure[] = {
	{ "", { ":1:1: the file is empty" } },
	{ "# nothing\n", { ":1:1: the file is empty" } },
	{ "[]\n", { ":1:1: this item must be a map, not a list" } },
	{ "hello\n", { ":1:1: this item must be a map, not a single value" } },
	{ "version: [\n", { "kontor.yaml:2:1: did not find expected node" } },
	{ "version: 1\n\tx: 1\n", { "kontor.yaml:2:1:" } },
	{ "a: 'x\n", { "kontor.yaml:2:1: found unexpected end of stream" } },
	{ HEAD "---\nversion: 1\n", { ":2:1: only one document is allowed" } },
	{ "version: &a 1\n", { ":1:10: anchors are not allowed" } },
	{ "version: *a\n", { ":1:10: aliases are not allowed" } },
	{ "version: !!str 1\n", { ":1:10: tags are not allowed" } },
	{ "? [a]\n: 1\n", { ":1:3: a key must be a single word" } },
	{ "version: 1\nversion: 1\n",
	    { ":2:1: the key \"version\" is here twice; the first is in "
	      "line 1",
		"keep one of the two" } },
	{ "a: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: {l: {m: {n: {o: {p: "
	  "{q: 1}}}}}}}}}}}}}}}}\n",
	    { "the file is nested too deeply" } },
	{ "version: \"a\\0b\"\n", { "a NUL character" } },
};

static const struct bad options_wrong[] = {
	{ "workers: 1\n", { ":1:1: \"version\" is missing here" } },
	{ "version: 2\n", { ":1:10: \"2\" is not a value of \"version\"" } },
	{ HEAD "modles: {}\n",
	    { ":2:1: unknown option \"modles\"", "did you mean \"models\"?" } },
	{ HEAD "zzz: 1\n",
	    { ":2:1: unknown option \"zzz\"", "known here: version, " } },
	{ HEAD "a.b: 1\n", { ":2:1: unknown option \"a.b\"" } },
	{ HEAD "providers.*: 1\n", { ":2:1: unknown option \"providers.*\"" } },
	{ HEAD "workers: 0\n",
	    { ":2:10: \"0\" is out of range", "from 1 to 24" } },
	{ HEAD "workers: many\n",
	    { ":2:10: \"many\" is not a number or auto" } },
	{ HEAD "workers: -1\n", { ":2:10: \"-1\" is not a number" } },
	{ HEAD "workers: 1.5\n", { ":2:10: \"1.5\" is not a number" } },
	{ HEAD "workers: {}\n",
	    { ":2:10: \"workers\" must be a single value, not a map" } },
	{ HEAD "workers:\n",
	    { ":2:1: \"workers\" must be a single value, not nothing" } },
	{ HEAD "drain: 30\n",
	    { ":2:8: \"30\" is not a duration", "from 0s to 50m" } },
	{ HEAD "drain: 51m\n", { ":2:8: \"51m\" is out of range" } },
	{ HEAD "drain: 99999999999999h\n",
	    { ":2:8: \"99999999999999h\" is not a duration" } },
	{ HEAD "currency: usd\n", { ":2:11: \"usd\" is not a currency" } },
	{ HEAD "store: {type: sqlit}\n",
	    { ":2:15: \"sqlit\" is not a value of \"type\"",
		"did you mean \"sqlite\"?" } },
	{ HEAD "store: {type: postgresql}\n",
	    { ":2:15: \"postgresql\" is not supported by this version" } },
	{ HEAD "listen: {gateway: {address: \"8080\"}}\n",
	    { ":2:29: \"8080\" is not an address to listen on" } },
	{ HEAD "listen: {gateway: {address: \"localhost:80\"}}\n",
	    { ":2:29:", "an IP address and a port" } },
	{ HEAD "listen: {gateway: {address: \"127.0.0.1:65536\"}}\n",
	    { ":2:29:" } },
	{ HEAD "listen: {gateway: {address: \"1.2.3.4:1\"}, admin: {address: "
	       "\"1.2.3.4:1\"}}\n",
	    { ":2:60: both listeners have the address 1.2.3.4:1" } },
	{ HEAD "journal: {sync: never}\n",
	    { ":2:17: \"never\" is not a value of \"sync\"",
		"one of: interval, always" } },
	{ HEAD "limits: {max_body: 10MB}\n",
	    { ":2:20: \"10MB\" is not a size", "from 1KiB to 512MiB" } },
	{ HEAD "limits: {request_deadline: 1h}\n",
	    { ":2:28: \"1h\" is out of range", "from 1s to 50m" } },
	{ HEAD "limits: {attempts: 17}\n", { ":2:20: \"17\" is out of" } },
	{ HEAD "limits: {max_keys: 18446744073709551616}\n",
	    { ":2:20:", "is not a number" } },
	{ HEAD "data_dir: \"${KONTOR_TEST_UNSET}\"\n",
	    { ":2:11: the environment variable KONTOR_TEST_UNSET is not set",
		"export KONTOR_TEST_UNSET=" } },
	{ HEAD "data_dir: \"${KONTOR\"\n", { ":2:11: \"${\" without" } },
	{ HEAD "data_dir: \"\"\n", { ":2:11: \"data_dir\" is empty" } },
};

static const struct bad providers_wrong[] = {
	{ HEAD "providers: []\n",
	    { ":2:12: \"providers\" must be a map, not a list" } },
	{ HEAD "providers: {a: }\n",
	    { ":2:13: \"a\" must be a map, not nothing" } },
	{ HEAD "providers: {\"a b\": {type: openai, auth: {api_key: "
	       "\"${HOME}\"}}}\n",
	    { ":2:13: \"a b\" is not a name" } },
	{ HEAD "providers: {a: {}}\n", { ":2:13: \"type\" is missing here" } },
	{ HEAD "providers: {a: {type: opnai}}\n",
	    { ":2:23: \"opnai\" is not a value of \"type\"",
		"did you mean \"openai\"?" } },
	{ HEAD "providers: {a: {type: anthropic}}\n",
	    { ":2:13: this provider needs auth.api_key" } },
	{ HEAD "providers: {a: {type: vertex}}\n",
	    { ":2:13: this provider needs auth" } },
	{ HEAD "providers: {a: {type: openai}}\n",
	    { ":2:13: this provider needs auth.api_key",
		"${OPENAI_API_KEY}" } },
	{ HEAD "providers: {a: {type: openai, auth: {api_key: \"sk-1\"}}}\n",
	    { ":2:47: a secret may not stand in the configuration itself",
		"file:/path" } },
	{ HEAD "providers: {a: {type: openai, auth: {api_key: "
	       "\"x${HOME}\"}}}\n",
	    { ":2:47: a secret may not stand" } },
	{ HEAD "providers: {a: {type: openai, auth: {api_key: "
	       "\"${KONTOR_TEST_UNSET}\"}}}\n",
	    { ":2:47: the environment variable KONTOR_TEST_UNSET is not" } },
	{ HEAD "providers: {a: {type: openai, auth: {api_key: "
	       "\"${1X}\"}}}\n",
	    { ":2:47: \"${1X}\" does not name an environment variable" } },
	{ HEAD "providers: {a: {type: openai, auth: {api_key: "
	       "\"file:/nonexistent/key\"}}}\n",
	    { ":2:47: the file /nonexistent/key cannot be used: No such" } },
	{ HEAD "providers: {a: {type: openai, auth: {api_key: "
	       "\"file:rel\"}}}\n",
	    { ":2:47: the file /t/rel cannot be used" } },
	{ HEAD "providers: {a: {type: openai, auth: {api_key: "
	       "\"file:/dev/null\"}}}\n",
	    { ":2:47: the file /dev/null cannot be used: it is empty" } },
	{ HEAD "providers: {a: {type: openai, auth: {api_key: "
	       "\"systemd-creds:x\"}}}\n",
	    { ":2:47: there are no systemd credentials", "LoadCredential=" } },
	{ HEAD "providers: {a: {type: openai, auth: {api_key: "
	       "\"${HOME}\", access_key_id: \"${HOME}\"}}}\n",
	    { "\"access_key_id\" does not go with type openai",
		"it is for type bedrock" } },
	{ HEAD "providers: {a: {type: openai, api_version: x, auth: "
	       "{api_key: \"${HOME}\"}}}\n",
	    { ":2:31: \"api_version\" does not go with type openai" } },
	{ HEAD "providers: {a: {type: openai, auth: {api_key: \"${HOME}\", "
	       "session_token: \"${HOME}\"}}}\n",
	    { ":2:58: \"session_token\" does not go with type openai" } },
	{ HEAD "providers: {a: {type: azure_openai, auth: {api_key: "
	       "\"${HOME}\"}}}\n",
	    { ":2:13: \"endpoint\" is missing here",
		"https://NAME.openai.azure.com" } },
	{ HEAD "providers: {a: {type: azure_openai, endpoint: "
	       "\"https://a.example\", base_url: \"https://b.example\", "
	       "auth: {api_key: \"${HOME}\"}}}\n",
	    { ":2:37: endpoint and base_url say the same thing" } },
	{ HEAD "providers: {a: {type: azure_openai, endpoint: "
	       "\"https://a.example\", auth: {entra: {}}}}\n",
	    { ":2:75: it does not say how to sign in", "client_secret" } },
	{ HEAD "providers: {a: {type: bedrock}}\n",
	    { ":2:13: this provider needs auth",
		":2:13: \"region\" is missing here" } },
	{ HEAD "providers: {a: {type: bedrock, region: us-east-1, auth: "
	       "{access_key_id: \"${HOME}\"}}}\n",
	    { ":2:51: \"auth\" must hold one whole credential" } },
	{ HEAD "providers: {a: {type: bedrock, region: us-east-1, auth: "
	       "{api_key: \"${HOME}\", access_key_id: \"${HOME}\"}}}\n",
	    { ":2:51: \"auth\" must hold one whole credential" } },
	{ HEAD "providers: {a: {type: openai_compatible}}\n",
	    { ":2:13: \"base_url\" is missing here" } },
	{ HEAD "providers: {a: {type: openai_compatible, base_url: "
	       "\"ftp://x\"}}\n",
	    { ":2:52: \"ftp://x\" is not a base URL: it must begin" } },
	{ HEAD "providers: {a: {type: openai_compatible, base_url: "
	       "\"https://u:p@x/v1\"}}\n",
	    { ":2:52:", "it may not carry a user name or password" } },
	{ HEAD "providers: {a: {type: openai_compatible, base_url: "
	       "\"https://x/v1?a=b\"}}\n",
	    { ":2:52:", "it may not have a query" } },
	{ HEAD "providers: {a: {type: openai_compatible, base_url: "
	       "\"https://x:0/\"}}\n",
	    { ":2:52:", "its host or port is not valid" } },
	{ HEAD "providers: {a: {type: openai_compatible, base_url: "
	       "\"https:///v1\"}}\n",
	    { ":2:52:", "its host or port is not valid" } },
	{ HEAD "providers: {a: {type: openai_compatible, base_url: "
	       "\"http://169.254.169.254/\"}}\n",
	    { ":2:52: 169.254.169.254 is where a cloud keeps credentials" } },
	{ HEAD "providers: {a: {type: openai_compatible, base_url: "
	       "\"http://x\", allow_private: yes}}\n",
	    { ":2:79: \"yes\" is not true or false" } },
	{ HEAD "providers: {a: {type: openai_compatible, base_url: "
	       "\"http://x\", ca_file: none.pem}}\n",
	    { ":2:73: the file /t/none.pem cannot be used" } },
	{ HEAD "providers: {a: {type: openai_compatible, base_url: "
	       "\"http://x\", timeouts: {connect: 1ms}}}\n",
	    { ":2:84: \"1ms\" is out of range" } },
	{ HEAD "providers: {a: {type: openai_compatible, base_url: "
	       "\"http://x\", timeouts: {conect: 1s}}}\n",
	    { ":2:75: unknown option \"conect\"",
		"did you mean \"connect\"?" } },
};

static const struct bad models_wrong[] = {
	{ HEAD LAB "models: {m: {}}\n",
	    { ":4:10: \"deployments\" is missing here" } },
	{ HEAD LAB "models: {m: {deployments: []}}\n",
	    { ":4:14: \"deployments\" has 0 items", "from 1 to 64" } },
	{ HEAD LAB "models: {m: {deployments: [lab]}}\n",
	    { ":4:28: this item must be a map, not a single value" } },
	{ HEAD LAB "models: {m: {deployments: [{name: x}]}}\n",
	    { ":4:28: \"provider\" is missing here" } },
	{ HEAD LAB "models: {m: {deployments: [{provider: lba}]}}\n",
	    { ":4:39: there is no provider \"lba\"",
		"did you mean \"lab\"?" } },
	{ HEAD LAB "models: {m: {deployments: [{provider: elsewhere}]}}\n",
	    { ":4:39: there is no provider \"elsewhere\"", "there are: lab" } },
	{ HEAD LAB "models:\n"
		   "  m: {deployments: [{id: d, provider: lab}]}\n"
		   "  n: {deployments: [{id: d, provider: lab}]}\n",
	    { ":6:26: the deployment \"d\" is here twice; the first is in "
	      "line 5" } },
	{ HEAD LAB "models: {m: {deployments: [{provider: lab}, {provider: "
		   "lab}]}}\n",
	    { ":4:45: the deployment \"m@lab\" is here twice" } },
	{ HEAD LAB "models: {m: {deployments: [{provider: lab, weight: "
		   "0}]}}\n",
	    { ":4:52: \"0\" is out of range" } },
	{ HEAD LAB "models: {m: {deployments: [{provider: lab, name: \"a "
		   "b\"}]}}\n",
	    { ":4:50: \"a b\" is not a name" } },
	{ HEAD LAB "models: {m: {deployments: [{provider: lab}]}}\n"
		   "aliases: {fast: mm}\n",
	    { ":5:17: there is no model \"mm\"", "there are: m" } },
	{ HEAD LAB "models: {m: {deployments: [{provider: lab}]}}\n"
		   "aliases: {m: m}\n",
	    { ":5:11: \"m\" is a model already" } },
};

/* Five lines, then a price in line 6. */
#define PRICED(price) \
	HEAD LAB "models: {m: {deployments: [{id: d, provider: lab, name: " \
		 "x}]}}\nprices:\n  - " price "\n"

static const struct bad prices_wrong[] = {
	{ PRICED("{deployment: e, input: 1, output: 1}"),
	    { ":6:18: there is no deployment \"e\"" } },
	{ PRICED("{input: 1, output: 1}"),
	    { ":6:5: a price is for a deployment, or for a model at a" } },
	{ PRICED("{deployment: d, provider: lab, input: 1, output: 1}"),
	    { ":6:5: a price is for a deployment, or for a model at a" } },
	{ PRICED("{provider: lab, model: y, input: 1, output: 1}"),
	    { ":6:28: there is no \"y\" at provider \"lab\"" } },
	{ PRICED("{provider: lba, model: x, input: 1, output: 1}"),
	    { ":6:16: there is no provider \"lba\"" } },
	{ PRICED("{deployment: d, output: 1}"),
	    { ":6:5: \"input\" is missing here" } },
	{ PRICED("{deployment: d, input: 1}"),
	    { ":6:5: \"output\" is missing here" } },
	{ PRICED("{deployment: d, input: -1, output: 1}"),
	    { ":6:28: \"-1\" is not a price: it is negative" } },
	{ PRICED("{deployment: d, input: 1e3, output: 1}"),
	    { ":6:28: \"1e3\" is not a price" } },
	{ PRICED("{deployment: d, input: 0.0000001, output: 1}"),
	    { ":6:28: \"0.0000001\" is not a price: it has more decimals",
		"at most 6 decimals" } },
	{ PRICED("{deployment: d, input: 1, output: 1, from: 2026-02-30}"),
	    { ":6:48: \"2026-02-30\" is not a date" } },
	{ PRICED("{deployment: d, input: 1, output: 1, currency: EUR}"),
	    { ":6:52: the currency \"EUR\" is not the ledger's",
		"the ledger's is USD" } },
	{ PRICED("{deployment: d, input: 1, output: 1, per_request: free}"),
	    { ":6:55: \"free\" is not an amount of money" } },
	{ PRICED("{deployment: d, input: 1, output: 1, above: {tokens: 5, "
		 "input: 1}}"),
	    { ":6:49: \"output\" is missing here" } },
	{ PRICED("{deployment: d, input: 1, output: 1}\n"
		 "  - {deployment: d, input: 2, output: 1}"),
	    { ":7:5: it is in force from the same moment as the price in "
	      "line 6 of kontor.yaml",
		"a from of its own" } },
	/* by another name */
	{ PRICED("{deployment: d, input: 1, output: 1}\n"
		 "  - {provider: lab, model: x, input: 2, output: 1}"),
	    { ":7:5: it is in force from the same moment as" } },
	{ PRICED("{deployment: d, input: 1, output: 1, tier: standard}\n"
		 "  - {deployment: d, input: 2, output: 1}"),
	    { ":7:5: it is in force from the same moment as" } },
	{ PRICED("{deployment: d, input: 1, output: 1, to: 2026-03-01}\n"
		 "  - {deployment: d, input: 2, output: 1, from: 2026-02-01}"),
	    { ":7:5: it begins before the end of the price in line 6",
		"at the latest" } },
	{ PRICED("{deployment: d, input: 1, output: 1, from: 2026-03-01, to: "
		 "2026-03-01}"),
	    { ":6:64: it ends before it begins" } },
	{ PRICED("{deployment: d, input: 1, output: 1, above: [{tokens: 5, "
		 "input: 1, output: 1}, {tokens: 5, input: 1, output: 1}]}"),
	    { ":6:93: the steps do not rise" } },
	{ PRICED("{deployment: d, input: 1, output: 1, above: []}"),
	    { "has 0 items" } },
	{ PRICED("{deployment: d, input: 1, output: 1, above: 5}"),
	    { ":6:49: \"above\" must be a list, not a single value" } },
	{ PRICED("{deployment: d, input: 0.000001, output: 1, uplift: 10}"),
	    { ":6:57: \"input\" and 10 percent cannot be held exactly",
		"fewer decimals" } },
	{ PRICED("{deployment: d, input: 1, output: 1, uplift: 101}"),
	    { ":6:50: \"101\" is not a percentage" } },
	{ PRICED("{deployment: d, input: 1, output: 1, uplift: -1}"),
	    { ":6:50: \"-1\" is not a percentage" } },
	{ PRICED("{deployment: d, input: 1000001, output: 1}"),
	    { ":6:28: \"1000001\" is not a price: it is absurdly much" } },
	{ PRICED("{deployment: d, input: 99999999999999999999, output: 1}"),
	    { ":6:28: ", "is not a price: it is absurdly much" } },
	{ PRICED("{deployment: d, input: 1, output: 1, per_request: 1000001}"),
	    { ":6:55: \"1000001\" is not an amount of money: it is absurd" } },
	{ PRICED("{deployment: d, input: 1, output: 1, per_request: -2}"),
	    { ":6:55: \"-2\" is not an amount of money: it is negative" } },
	{ PRICED("{deployment: d, input: 1, output: 1, per_request: "
		 "0.0000000001}"),
	    { ":6:55: ", "it has more decimals than can be held exactly" } },
	{ PRICED("{deployment: d, input: 1, output: 1, reasoning: 1,5}"),
	    { "unknown option \"5\"" } },
	{ PRICED("{deployment: d, input: 1, output: 1, audio_input: .5}"),
	    { ":6:55: \".5\" is not a price" } },
	{ PRICED("{deployment: d, input: 1, output: 1, currency: XXQ}"),
	    { ":6:52: \"XXQ\" is not a currency", "ISO 4217" } },
	{ PRICED("{deployment: d, input: 1, output: 1, cached: 1}"),
	    { "unknown option \"cached\"" } },
	{ HEAD "prices_file: /nowhere/prices.yaml\n" LAB,
	    { "/nowhere/prices.yaml: cannot be read: No such file" } },
};

/* Line 2: a provider of that type with that auth. */
#define AUTH(type, more, auth) \
	HEAD "providers: {a: {type: " type ", " more " auth: {" auth "}}}\n"
#define AZURE(auth) AUTH("azure_openai", "endpoint: \"https://a.b\",", auth)
#define AWS(auth) AUTH("bedrock", "region: us-east-1,", auth)
#define COMPATIBLE(auth) \
	AUTH("openai_compatible", "base_url: \"https://a.b/v1\",", auth)

static const struct bad bad_signins[] = {
	{ AZURE("entra: {client_secret: \"${T:-s}\", managed_identity: true}"),
	    { "there is more than one way to sign in" } },
	{ AZURE("entra: {client_secret: plain, tenant_id: t, client_id: c}"),
	    { "a secret may not stand in the configuration itself" } },
	{ AZURE("entra: {client_secret: \"${T:-s}\"}"),
	    { "\"tenant_id\" is missing here",
		"\"client_id\" is missing here" } },
	{ AZURE("entra: {tenant_id: t, client_id: c, certificate: "
		"\"${T:-nopem}\"}"),
	    { "the certificate cannot be used: there is no private key in PEM "
	      "form in it" } },
	{ AZURE("entra: {tenant_id: t, client_id: c, federated_token_file: "
		"/nowhere/token}"),
	    { "the file /nowhere/token cannot be used: No such file" } },
	{ AZURE("entra: {tenant_id: t, client_id: c, client_secret: "
		"\"${T:-s}\", authority: \"http://login.example\"}"),
	    { "a credential is sent there: it must begin with https://" } },
	{ AZURE("entra: {managed_identity: true}, api_key: \"${T:-k}\""),
	    { "\"auth\" must hold one whole credential" } },
	{ AZURE("entra: {managed_identity: true, tenat_id: t}"),
	    { "unknown option \"tenat_id\"", "tenant_id" } },
	{ AZURE("aws: {from: instance}"),
	    { "\"aws\" does not go with type azure_openai" } },
	{ AUTH("openai", "", "entra: {managed_identity: true}"),
	    { "\"entra\" does not go with type openai" } },
	{ AWS("aws: {role_arn: r}"),
	    { "\"aws\" begins from keys, but auth.access_key_id" } },
	{ AWS("access_key_id: \"${T:-i}\", secret_access_key: \"${T:-s}\", "
	      "aws: {external_id: e}"),
	    { "\"role_arn\" is missing here" } },
	{ AWS("aws: {from: magic}"), { "\"magic\"" } },
	{ AWS("aws: {from: web_identity}"),
	    { "\"web_identity_token_file\" is missing",
		"\"role_arn\" is missing" } },
	{ AWS("aws: {from: profile, profile: p, credentials_file: /dev/null, "
	      "config_file: /dev/null}"),
	    { "profile p does not exist", "/dev/null and /dev/null" } },
	{ AWS("aws: {from: instance, session_duration: 5m}"),
	    { "\"5m\" is out of range" } },
	{ AWS("aws: {from: instance, sts_endpoint: \"http://sts.example\"}"),
	    { "a credential is sent there" } },
	{ AWS("aws: {from: container, container_uri: \"http://c.example\"}"),
	    { "a credential is sent there" } },
	{ COMPATIBLE("google: {}"), { "it does not say how to sign in" } },
	{ COMPATIBLE("google: {credentials: \"${T:-[]}\"}"),
	    { "the credentials cannot be used: it is not a JSON object" } },
	{ COMPATIBLE("google: {credentials: '${T:-{\"type\":\"x\"}'}"),
	    { "the credentials cannot be used" } },
	{ COMPATIBLE("google: {metadata_server: true}, oci: {}"),
	    { "\"tenancy\" is missing" } },
	{ AUTH("oci", "region: us-chicago-1,",
	      "oci: {tenancy: t, user: u, fingerprint: f, private_key: "
	      "\"${T:-none}\"}"),
	    { "the private key cannot be used: there is no private key" } },
	{ AUTH("oci", "", "api_key: \"${T:-k}\""),
	    { "\"region\" is missing here" } },
	{ HEAD "providers: {a: {type: oci, region: r}}\n",
	    { "this provider needs auth" } },
};

static void
run_bad(const struct bad *bad, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		char *said = mistakes_of(bad[i].text);

		if (said == NULL) {
			print_error("accepted:\n%s\n", bad[i].text);
			fail();
			continue;
		}
		for (k = 0; k < NELEM(bad[i].want); k++) {
			if (bad[i].want[k] == NULL ||
			    strstr(said, bad[i].want[k]) != NULL)
				continue;
			print_error("for:\n%s\nwanted: %s\nsaid: %s\n",
			    bad[i].text, bad[i].want[k], said);
			fail();
		}
		mem_free(said);
	}
}

static void
a_file_that_is_not_our_yaml_is_refused(void **state)
{
	(void)state;
	run_bad(structure, NELEM(structure));
}

static void
a_wrong_option_is_named_with_its_place(void **state)
{
	(void)state;
	run_bad(options_wrong, NELEM(options_wrong));
}

static void
a_wrong_provider_is_named_with_its_place(void **state)
{
	(void)state;
	run_bad(providers_wrong, NELEM(providers_wrong));
}

static void
a_wrong_model_is_named_with_its_place(void **state)
{
	(void)state;
	run_bad(models_wrong, NELEM(models_wrong));
}

static void
a_wrong_price_is_named_with_its_place(void **state)
{
	(void)state;
	run_bad(prices_wrong, NELEM(prices_wrong));
}

static void
a_wrong_sign_in_is_named_with_its_reason(void **state)
{
	(void)state;
	unsetenv("T");
	run_bad(bad_signins, NELEM(bad_signins));
}

static void
the_environment_is_read_as_the_sdks_read_it(void **state)
{
	static const char plain[] = AWS("aws: {from: environment}");
	struct snapshot *s;
	char *said;

	(void)state;
	said = mistakes_of(plain);
	assert_non_null(strstr(said, "holds no AWS credential"));
	mem_free(said);
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token", 1);
	setenv("AWS_ROLE_ARN", "arn:env", 1);
	s = compiled(plain);
	assert_int_equal(
	    s->provider[0].signin->method, SIGNIN_AWS_WEB_IDENTITY);
	assert_string_equal(s->provider[0].signin->role, "arn:env");
	snapshot_unref(&s);
	said = mistakes_of(AWS("aws: {from: environment, role_arn: arn:b}"));
	assert_non_null(strstr(said, "has a role of its own"));
	mem_free(said);
	/* Keys come first; alone they need no courier. */
	setenv("AWS_ACCESS_KEY_ID", "AKIAENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	s = compiled(plain);
	assert_null(s->provider[0].signin);
	assert_string_equal(s->provider[0].access_key_id, "AKIAENV");
	snapshot_unref(&s);
	s = compiled(AWS("aws: {from: environment, role_arn: arn:b}"));
	assert_int_equal(s->provider[0].signin->method, SIGNIN_AWS_KEYS);
	assert_null(s->provider[0].access_key_id);
	snapshot_unref(&s);
	unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
	unsetenv("AWS_ROLE_ARN");
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
}

static void
a_sign_in_is_named_by_all_that_is_no_secret(void **state)
{
	static const char *const texts[] = {
		AZURE("entra: {managed_identity: true}"),
		AZURE("entra: {managed_identity: true, client_id: c}"),
		AZURE("entra: {tenant_id: t, client_id: c, client_secret: "
		      "\"${T:-one}\"}"),
		AZURE("entra: {tenant_id: t, client_id: c, client_secret: "
		      "\"${T:-two}\"}"),
		AWS("access_key_id: \"${T:-i}\", secret_access_key: "
		    "\"${T:-s}\", aws: {role_arn: r}"),
	};
	uint64_t id[NELEM(texts)];
	struct snapshot *s;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(texts); i++) {
		s = compiled(texts[i]);
		assert_non_null(s->provider[0].signin);
		assert_null(s->provider[0].secret_access_key);
		id[i] = s->provider[0].signin->id;
		snapshot_unref(&s);
	}
	assert_true(id[0] != id[1] && id[1] != id[2] && id[3] != id[4]);
	assert_true(id[2] == id[3]);
}

static void
every_mistake_is_reported_at_once_in_order(void **state)
{
	char *said = mistakes_of("version: 1\n"
				 "workers: x\n"
				 "nonsense: 1\n"
				 "models: {m: {deployments: [{provider: a}]}}\n"
				 "drain: never\n");

	(void)state;
	assert_non_null(said);
	const char *a = strstr(said, ":2:10:"), *b = strstr(said, ":3:1:"),
		   *c = strstr(said, ":4:39:"), *d = strstr(said, ":5:8:");

	assert_true(a != NULL && b > a && c > b && d > c);
	mem_free(said);
}

static void
a_flood_of_mistakes_is_bounded(void **state)
{
	struct buf text = { 0 };
	char *said;
	int i;

	(void)state;
	buf_str(&text, HEAD);
	for (i = 0; i < 1000; i++)
		buf_fmt(&text, "bad%d: 1\n", i);
	said = mistakes_of(buf_cstr(&text));
	assert_non_null(said);
	assert_non_null(strstr(said, "and 800 more"));
	mem_free(said);
	buf_fini(&text);
}

static void
an_unsaid_option_has_its_default(void **state)
{
	struct snapshot *s = compiled(HEAD);

	(void)state;
	assert_string_equal(s->data_dir, "/t/data");
	assert_string_equal(s->gateway_address, "127.0.0.1:8080");
	assert_string_equal(s->admin_address, "127.0.0.1:8081");
	assert_string_equal(s->currency, "USD");
	assert_true(s->workers >= 1 && s->workers <= 24);
	assert_false(s->sync_always);
	assert_int_equal(s->drain_ns, INT64_C(30000000000));
	assert_int_equal(s->max_lag_ns, 1000000000);
	assert_int_equal(s->admit_wait_ns, 2000000000);
	assert_int_equal(s->max_body, 32 << 20);
	assert_int_equal(s->max_attempts, 4);
	assert_int_equal(s->total_deadline_ns, INT64_C(600000000000));
	assert_true(s->generation != 0);
	snapshot_unref(&s);
}

static void
each_provider_type_has_its_address(void **state)
{
	struct snapshot *s = compiled(
	    HEAD "providers:\n"
		 "  o: {type: openai, auth: {api_key: \"${T:-k}\"}}\n"
		 "  a: {type: azure_openai, endpoint: \"https://x.example/\", "
		 "auth: {api_key: \"${T:-k}\"}}\n"
		 "  b: {type: bedrock, region: eu-west-1, auth: {api_key: "
		 "\"${T:-k}\"}}\n"
		 "  l: {type: openai_compatible, base_url: "
		 "\"http://[::1]:99/a/v1/\", zone: z}\n"
		 "  h: {type: openai_compatible, base_url: "
		 "\"http://LocalHost\"}\n");

	(void)state;
	assert_int_equal(s->nproviders, 5);
	assert_string_equal(
	    s->provider[0].base_url, "https://api.openai.com/v1");
	assert_string_equal(s->provider[0].base_path, "/v1");
	assert_true(s->provider[0].tls && !s->provider[0].literal);
	assert_int_equal(s->provider[0].port, 443);
	assert_string_equal(s->provider[1].base_url, "https://x.example");
	assert_string_equal(s->provider[1].base_path, "");
	assert_string_equal(s->provider[1].api_version, "");
	assert_string_equal(
	    s->provider[2].host, "bedrock-runtime.eu-west-1.amazonaws.com");
	assert_string_equal(s->provider[3].host, "::1");
	assert_int_equal(s->provider[3].port, 99);
	assert_string_equal(s->provider[3].base_path, "/a/v1");
	assert_true(s->provider[3].literal && !s->provider[3].tls);
	assert_null(s->provider[3].api_key);
	assert_true(s->provider[4].literal);
	snapshot_unref(&s);
}

static void
a_secret_comes_from_where_it_says(void **state)
{
	char path[] = "/tmp/kontor-secret-XX"
		      "XX"
		      "XX",
	     text[512];
	const int fd = mkstemp(path);
	struct snapshot *s;

	(void)state;
	assert_true(fd >= 0 && write(fd, "from-file\n", 10) == 10);
	close(fd);
	setenv("KONTOR_TEST_KEY", "from-env", 1);
	snprintf(text, sizeof(text),
	    HEAD
	    "providers:\n"
	    "  a: {type: openai, auth: {api_key: \"${KONTOR_TEST_KEY}\"}}\n"
	    "  b: {type: openai, auth: {api_key: \"file:%s\"}}\n"
	    "  c: {type: openai, auth: {api_key: \"${NOT_SET_X:-dflt}\"}}"
	    "\n",
	    path);
	s = compiled(text);
	assert_string_equal(s->provider[0].api_key, "from-env");
	assert_string_equal(s->provider[1].api_key, "from-file");
	assert_string_equal(s->provider[2].api_key, "dflt");
	snapshot_unref(&s);
	unlink(path);
}

static void
a_systemd_credential_is_read_from_its_folder(void **state)
{
	char dir[] = "/tmp/kontor-creds-XX"
		     "XX"
		     "XX",
	     path[64];
	struct snapshot *s;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/openai", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("s3cret", f);
	fclose(f);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	s = compiled(HEAD "providers: {a: {type: openai, auth: {api_key: "
			  "\"systemd-creds:openai\"}}}\n");
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_string_equal(s->provider[0].api_key, "s3cret");
	snapshot_unref(&s);
	unlink(path);
	rmdir(dir);
}

static void
a_deployment_takes_what_is_unsaid_from_around_it(void **state)
{
	struct snapshot *s = compiled(HEAD
	    "providers:\n"
	    "  lab: {type: openai_compatible, base_url: \"http://x\", "
	    "zone: eu}\n"
	    "models:\n"
	    "  m: {deployments: [{provider: lab}, {id: two, provider: lab, "
	    "name: n, zone: us, weight: 3, context: 10, max_output: 5}], "
	    "route: {strategy: weighted}}\n"
	    "aliases: {fast: m}\n");
	const struct deployment_conf *d = s->deployment;

	(void)state;
	assert_string_equal(d[0].id, "m@lab");
	assert_string_equal(d[0].name, "m");
	assert_string_equal(d[0].zone, "eu");
	assert_int_equal(d[0].weight, 1);
	assert_int_equal(d[0].nprice, 0);
	assert_string_equal(d[1].name, "n");
	assert_string_equal(d[1].zone, "us");
	assert_int_equal(d[1].weight, 3);
	assert_int_equal(d[1].context, 10);
	assert_int_equal(s->model[0].strategy, STRATEGY_WEIGHTED);
	assert_ptr_equal(
	    snapshot_model(s, S("fast")), snapshot_model(s, S("m")));
	assert_null(snapshot_model(s, S("slow")));
	snapshot_unref(&s);
}

static const char priced[] =
    HEAD "providers:\n"
	 "  o: {type: openai, auth: {api_key: \"${T:-k}\"}}\n"
	 "  z: {type: azure_openai, endpoint: \"https://x.example\", auth: "
	 "{api_key: \"${T:-k}\"}}\n"
	 "models:\n"
	 "  gpt-5.4: {deployments: [{id: a, provider: o}, {id: b, provider: o, "
	 "name: gpt-5.4-2026-03-05}, {id: c, provider: z, name: prod}]}\n"
	 "  mine: {deployments: [{id: d, provider: z, name: prod, priced_as: "
	 "gpt-5.4}, {id: e, provider: o, name: gpt-5.4, tier: priority}]}\n"
	 "prices:\n"
	 "  - {deployment: b, from: 2026-11-01, input: 1, output: 2}\n"
	 "  - {deployment: b, from: 2026-12-01, input: 3, output: 4}\n"
	 "  - {provider: z, model: gpt-5.4, input: 7, output: 8, per_request: "
	 "\"0.01\", above: {tokens: 100, input: 9, output: 10}}\n";

static int64_t
rate_on(const struct snapshot *s, unsigned i, const char *day)
{
	const struct price *p;
	int64_t ns = 0;

	if (strcmp(day, "2026-11-23") == 0)
		ns = INT64_C(1795392000) * 1000000000;
	else if (strcmp(day, "2026-12-02") == 0)
		ns = INT64_C(1796169600) * 1000000000;
	else if (strcmp(day, "2026-10-01") == 0)
		ns = INT64_C(1790812800) * 1000000000;
	p = deployment_price(&s->deployment[i], ns);
	return p != NULL ? p->base.rate[LANE_INPUT].pico : -1;
}

static void
the_price_in_force_is_the_operators_then_the_books(void **state)
{
	struct snapshot *s = compiled(priced);

	(void)state;
	/* By the portable id, a dated alias, priced_as and a tier. */
	assert_int_equal(rate_on(s, 0, "2026-11-23"), 2500000);
	assert_int_equal(rate_on(s, 1, "2026-10-01"), 2500000);
	assert_int_equal(rate_on(s, 1, "2026-11-23"), 1000000);
	assert_int_equal(rate_on(s, 1, "2026-12-02"), 3000000);
	assert_int_equal(rate_on(s, 2, "2026-11-23"), 7000000);
	assert_int_equal(rate_on(s, 3, "2026-11-23"), 2500000);
	assert_int_equal(rate_on(s, 4, "2026-11-23"), 5000000);
	assert_int_equal(s->deployment[0].context, 1050000);
	assert_int_equal(s->deployment[0].max_output, 128000);
	snapshot_unref(&s);
}

static void
the_book_knows_long_context_and_cached_input(void **state)
{
	struct snapshot *s = compiled(priced);
	const struct price *p =
	    deployment_price(&s->deployment[0], INT64_C(1795392000000000000));

	(void)state;
	assert_false(p->operators);
	assert_int_equal(p->base.has, LANE_BIT(LANE_INPUT) |
					  LANE_BIT(LANE_CACHED) |
					  LANE_BIT(LANE_OUTPUT));
	assert_int_equal(p->base.rate[LANE_CACHED].pico, 250000);
	assert_int_equal(p->step[0].above, 271999);
	assert_int_equal(p->step[0].rates.rate[LANE_OUTPUT].pico, 22500000);
	p = deployment_price(&s->deployment[2], INT64_C(1795392000000000000));
	assert_true(p->operators);
	assert_int_equal(p->per_request.nano, 10000000);
	assert_int_equal(p->nsteps, 1);
	assert_int_equal(p->step[0].above, 100);
	snapshot_unref(&s);
}

static void
prices_have_ids_of_their_own(void **state)
{
	struct snapshot *s = compiled(priced);
	const struct deployment_conf *d = &s->deployment[1];

	(void)state;
	/* two of the operator's; the book's: standard, flex, priority */
	assert_int_equal(d->nprice, 5);
	assert_true(d->price[0].id != 0 && d->price[1].id != 0);
	assert_true(d->price[0].id != d->price[1].id);
	assert_true(d->price[1].id != d->price[2].id);
	/* The same row of the book is the same row anywhere. */
	assert_true(d->price[2].id == s->deployment[0].price[0].id);
	snapshot_unref(&s);
}

static const struct price *
row_of(const struct snapshot *s, unsigned i, const char *tier, int64_t day)
{
	return deployment_price_of(&s->deployment[i], slice_of(tier),
	    day * INT64_C(86400) * 1000000000);
}

static int64_t
rate_of(const struct rates *r, enum lane lane)
{
	struct rate rate;

	return rates_get(r, lane, &rate) ? rate.pico : -1;
}

enum { DAY_2026_02_01 = 20485, DAY_2026_03_01 = 20513, DAY_2026_11_23 = 20780 };

static void
a_row_has_every_lane_and_step(void **state)
{
	struct snapshot *s = compiled(HEAD LAB
	    "models: {m: {deployments: [{id: d, provider: lab, name: x}]}}\n"
	    "prices:\n"
	    "  - {deployment: d, input: 1, cached_input: 2, cache_write: 3, "
	    "cache_write_1h: 4, audio_input: 5, image_input: 6, output: 7, "
	    "reasoning: 8, audio_output: 9, image_output: 10, uplift: 12.5,\n"
	    "     per_request: 0.08, above: [\n"
	    "     {tokens: 128000, input: 2, output: 3, audio_input: 4},\n"
	    "     {tokens: 200000, input: 4, output: 5, cache_write_1h: "
	    "0}]}\n");
	const struct price *p = row_of(s, 0, "standard", 0);
	unsigned i;

	(void)state;
	for (i = 0; i < LANES; i++)
		assert_int_equal(
		    p->base.rate[i].pico, (i + 1) * INT64_C(1125000));
	assert_int_equal(p->per_request.nano, 90000000);
	assert_int_equal(p->nsteps, 2);
	assert_int_equal(p->step[0].above, 128000);
	assert_int_equal(rate_of(&p->step[0].rates, LANE_CACHED), 2250000);
	assert_int_equal(rate_of(&p->step[0].rates, LANE_AUDIO_INPUT), 4500000);
	assert_int_equal(rate_of(&p->step[1].rates, LANE_AUDIO_INPUT), -1);
	assert_int_equal(rate_of(&p->step[1].rates, LANE_CACHE_WRITE_1H), 0);
	assert_int_equal(rate_of(&p->step[1].rates, LANE_REASONING), 5625000);
	assert_true(slice_eq(p->source, S("kontor.yaml")));
	snapshot_unref(&s);
}

static void
each_tier_has_rows_of_its_own(void **state)
{
	struct snapshot *s = compiled(HEAD LAB
	    "models: {m: {deployments: [{id: d, provider: lab, name: x}, {id: "
	    "e, provider: lab, name: x, tier: flex}]}}\n"
	    "prices:\n"
	    "  - {provider: lab, model: m, input: 1, output: 1, from: "
	    "2026-02-01}\n"
	    "  - {deployment: d, tier: flex, input: 3, output: 1, from: "
	    "2026-02-01, to: 2026-03-01}\n"
	    "  - {deployment: d, tier: flex, input: 4, output: 1}\n");

	(void)state;
	/* Without a tier it is for the tier of each deployment. */
	assert_int_equal(
	    row_of(s, 0, "standard", DAY_2026_02_01)->base.rate[0].pico,
	    1000000);
	assert_int_equal(
	    row_of(s, 1, "flex", DAY_2026_02_01)->base.rate[0].pico, 1000000);
	assert_null(row_of(s, 0, "standard", DAY_2026_02_01 - 1));
	assert_null(row_of(s, 1, "standard", DAY_2026_02_01));
	/* For the time it says, then what was before. */
	assert_int_equal(
	    row_of(s, 0, "flex", DAY_2026_02_01 - 1)->base.rate[0].pico,
	    4000000);
	assert_int_equal(
	    row_of(s, 0, "flex", DAY_2026_02_01)->base.rate[0].pico, 3000000);
	assert_int_equal(
	    row_of(s, 0, "flex", DAY_2026_03_01)->base.rate[0].pico, 4000000);
	snapshot_unref(&s);
}

static void
the_book_knows_tiers_and_regions(void **state)
{
	struct snapshot *s = compiled(HEAD
	    "providers:\n"
	    "  o: {type: openai, auth: {api_key: \"${T:-k}\"}}\n"
	    "  eu: {type: openai, region: eu, auth: {api_key: \"${T:-k}\"}}\n"
	    "models:\n"
	    "  gpt-5.4: {deployments: [{provider: o}, {provider: eu}]}\n"
	    "  gpt-4o: {deployments: [{provider: o}, {provider: eu}]}\n");
	const struct price *p = row_of(s, 0, "flex", DAY_2026_11_23);

	(void)state;
	assert_int_equal(p->base.rate[LANE_INPUT].pico, 1250000);
	/* Nobody says what long input costs there. */
	assert_int_equal(rate_of(&p->step[0].rates, LANE_INPUT), -1);
	assert_int_equal(row_of(s, 0, "priority", DAY_2026_11_23)
			     ->base.rate[LANE_OUTPUT]
			     .pico,
	    30000000);
	assert_null(row_of(s, 0, "batch", DAY_2026_11_23));
	/* +10 % for data residency, exactly; not for older models. */
	p = row_of(s, 1, "standard", DAY_2026_11_23);
	assert_int_equal(p->base.rate[LANE_INPUT].pico, 2750000);
	assert_int_equal(p->base.rate[LANE_CACHED].pico, 275000);
	assert_int_equal(rate_of(&p->step[0].rates, LANE_OUTPUT), 24750000);
	assert_true(p->id != row_of(s, 0, "standard", DAY_2026_11_23)->id);
	assert_true(row_of(s, 2, "standard", DAY_2026_11_23)->id ==
		    row_of(s, 3, "standard", DAY_2026_11_23)->id);
	snapshot_unref(&s);
}

static void
prices_may_stand_in_a_file_of_their_own(void **state)
{
	static const char rest[] =
	    HEAD LAB "models: {m: {deployments: [{id: d, provider: lab}]}}\n"
		     "prices_file: ";
	char path[] = "/tmp/kontor-prices-XXXXXX", text[512];
	const int fd = mkstemp(path);
	struct snapshot *s;
	FILE *f = fdopen(fd, "w");
	char *said;

	(void)state;
	fputs("prices:\n  - {deployment: d, input: 3, output: 4}\n", f);
	fflush(f);
	snprintf(text, sizeof(text), "%s%s\n", rest, path);
	s = compiled(text);
	assert_int_equal(s->deployment[0].nprice, 1);
	assert_true(slice_eq(s->deployment[0].price[0].source,
	    slice_of(strrchr(path, '/') + 1)));
	snapshot_unref(&s);
	/* Its mistakes are told with its name, after the others. */
	fputs("  - {deployment: d, input: 3, output: 4}\n"
	      "  - {deployment: d, input: 3, output: -4}\nmodels: {}\n",
	    f);
	fclose(f);
	snprintf(text, sizeof(text), "%s%s\nworkers: 0\n", rest, path);
	said = mistakes_of(text);
	assert_non_null(said);
	assert_true(strstr(said, "/t/kontor.yaml:6:") == said);
	snprintf(
	    text, sizeof(text), "%s:3:5: it is in force from the same", path);
	assert_non_null(strstr(said, text));
	snprintf(text, sizeof(text), "%s:4:39: \"-4\" is not a price", path);
	assert_non_null(strstr(said, text));
	snprintf(text, sizeof(text), "%s:5:1: unknown option \"models\"", path);
	assert_non_null(strstr(said, text));
	mem_free(said);
	unlink(path);
}

static void
the_book_is_in_dollars(void **state)
{
	struct snapshot *s = compiled(HEAD
	    "currency: EUR\n"
	    "providers: {o: {type: openai, auth: {api_key: \"${T:-k}\"}}}\n"
	    "models: {gpt-5.4: {deployments: [{provider: o}]}}\n");

	(void)state;
	assert_int_equal(s->deployment[0].nprice, 0);
	snapshot_unref(&s);
}

static void
the_generation_is_of_the_text_without_secrets(void **state)
{
	static const char one[] = HEAD
	    "providers: {o: {type: openai, auth: {api_key: \"${T:-one}\"}}}\n";
	static const char two[] = HEAD
	    "providers: {o: {type: openai, auth: {api_key: \"${T:-two}\"}}}\n";
	static const char other[] = HEAD
	    "providers: {p: {type: openai, auth: {api_key: \"${T:-one}\"}}}\n";
	struct snapshot *a = compiled(one), *b = compiled(two),
			*c = compiled(other);

	(void)state;
	assert_true(a->generation == b->generation);
	assert_true(a->generation != c->generation);
	snapshot_unref(&a);
	snapshot_unref(&b);
	snapshot_unref(&c);
}

static void
a_variable_may_stand_in_any_value(void **state)
{
	struct snapshot *s;

	(void)state;
	setenv("KONTOR_TEST_PORT", "9999", 1);
	s = compiled(HEAD "listen: {gateway: {address: "
			  "\"127.0.0.1:${KONTOR_TEST_PORT}\"}}\n"
			  "workers: \"${NOT_SET_X:-3}\"\n");
	assert_string_equal(s->gateway_address, "127.0.0.1:9999");
	assert_int_equal(s->workers, 3);
	snapshot_unref(&s);
}

static void
a_missing_file_is_one_mistake(void **state)
{
	struct report *r = NEW(struct report);
	struct snapshot *s;

	(void)state;
	assert_false(config_load("/nonexistent/kontor.yaml", r, &s));
	assert_int_equal(r->n, 1);
	assert_non_null(strstr(r->mistake[0].text, "No such file"));
	report_fini(r);
	mem_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_is_not_our_yaml_is_refused),
		cmocka_unit_test(a_wrong_option_is_named_with_its_place),
		cmocka_unit_test(a_wrong_provider_is_named_with_its_place),
		cmocka_unit_test(a_wrong_model_is_named_with_its_place),
		cmocka_unit_test(a_wrong_price_is_named_with_its_place),
		cmocka_unit_test(a_wrong_sign_in_is_named_with_its_reason),
		cmocka_unit_test(the_environment_is_read_as_the_sdks_read_it),
		cmocka_unit_test(a_sign_in_is_named_by_all_that_is_no_secret),
		cmocka_unit_test(every_mistake_is_reported_at_once_in_order),
		cmocka_unit_test(a_flood_of_mistakes_is_bounded),
		cmocka_unit_test(an_unsaid_option_has_its_default),
		cmocka_unit_test(each_provider_type_has_its_address),
		cmocka_unit_test(a_secret_comes_from_where_it_says),
		cmocka_unit_test(a_systemd_credential_is_read_from_its_folder),
		cmocka_unit_test(
		    a_deployment_takes_what_is_unsaid_from_around_it),
		cmocka_unit_test(
		    the_price_in_force_is_the_operators_then_the_books),
		cmocka_unit_test(the_book_knows_long_context_and_cached_input),
		cmocka_unit_test(prices_have_ids_of_their_own),
		cmocka_unit_test(a_row_has_every_lane_and_step),
		cmocka_unit_test(each_tier_has_rows_of_its_own),
		cmocka_unit_test(the_book_knows_tiers_and_regions),
		cmocka_unit_test(prices_may_stand_in_a_file_of_their_own),
		cmocka_unit_test(the_book_is_in_dollars),
		cmocka_unit_test(the_generation_is_of_the_text_without_secrets),
		cmocka_unit_test(a_variable_may_stand_in_any_value),
		cmocka_unit_test(a_missing_file_is_one_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
