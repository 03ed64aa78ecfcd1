//! Encrypted connections, by rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sidetask_core::Error;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::SslMode;
use crate::options::TlsOptions;

/// What connections are encrypted with, where the server and the options have them be. Reads files.
pub(crate) fn connector(options: &TlsOptions) -> Result<MakeRustlsConnect, Error> {
    // Named, since a program may have linked several and chosen none.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match (options.mode, roots(options)?) {
        (SslMode::VerifyFull, Some(roots)) => {
            let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
            verifier.build().map_err(|error| unusable("the certificates to be trusted are of no use").because(error))?
        }
        (_, roots) => Arc::new(AnyHost { roots, provider: Arc::clone(&provider) }),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("TLS cannot be set up").because(error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // What a server asks for that is not asked first whether it encrypts.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

/// Who is trusted; nobody needs to be where nothing is verified.
fn roots(options: &TlsOptions) -> Result<Option<RootCertStore>, Error> {
    match (&options.root_cert, options.mode) {
        (_, SslMode::Disable) | (None, SslMode::Prefer | SslMode::Require) => Ok(None),
        (None, SslMode::VerifyCa | SslMode::VerifyFull) => machine().map(Some),
        (Some(file), mode) if file.as_os_str() == "system" => match mode {
            SslMode::VerifyFull => machine().map(Some),
            // Anybody can have a certificate of some authority that the machine trusts.
            _ => Err(unusable("`sslrootcert=system` verifies nothing without `sslmode=verify-full`: set that as well")),
        },
        (Some(file), _) => of_file(file).map(Some),
    }
}

fn machine() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let error = unusable("this machine trusts no authority: name a file with certificates as `sslrootcert`");
        return Err(match found.errors.into_iter().next() {
            Some(cause) => error.because(cause),
            None => error,
        });
    }
    Ok(roots)
}

fn of_file(file: &PathBuf) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let mut read = || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        for certificate in CertificateDer::pem_file_iter(file)? {
            roots.add(certificate?)?;
        }
        Ok(())
    };
    read().map_err(|error| unreadable(file).because(error))?;
    if roots.is_empty() {
        return Err(unreadable(file).because("there is no certificate in it"));
    }
    Ok(roots)
}

fn unreadable(file: &Path) -> Error {
    unusable(&format!("the certificates in `{}` (`sslrootcert`) cannot be read: it must be a PEM file", file.display()))
}

fn unusable(fault: &str) -> Error {
    Error::configuration(&[fault.to_owned()])
}

/// Verifies that the certificate is of an authority, where there are any, and not which host it is of. That the server has
/// the certificate's key is verified in any case.
#[derive(Debug)]
struct AnyHost {
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            rustls::client::verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(certificate)?,
                roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
