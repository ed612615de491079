"""Certificates for tests, made by openssl."""
import subprocess


def openssl(*args, cwd):
    return subprocess.run(["openssl", *args], cwd=cwd, check=True,
                          capture_output=True).stdout


EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def ca(d, name):
    openssl("req", "-x509", *EC, "-days", "2", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.pem", cwd=d)


def leaf(d, name, alt, issuer, *when, usage=None):
    openssl("req", *EC, "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.csr", cwd=d)
    (d / f"{name}.ext").write_text(
        f"subjectAltName={alt}\n" +
        (f"extendedKeyUsage={usage}\n" if usage else ""))
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem",
            "-CAkey", f"{issuer}.key", "-CAcreateserial", "-extfile",
            f"{name}.ext", "-out", f"{name}.pem", *(when or ["-days", "2"]),
            cwd=d)


def pin(d, name):
    """As tls.pins takes it."""
    import base64
    import hashlib
    der = openssl("pkey", "-pubin", "-outform", "der", "-in",
                  _public(d, name), cwd=d)
    return "sha256/" + base64.b64encode(
        hashlib.sha256(der).digest()).decode()


def _public(d, name):
    out = d / f"{name}.pub"
    out.write_bytes(openssl("x509", "-in", f"{name}.pem", "-pubkey",
                            "-noout", cwd=d))
    return str(out)
